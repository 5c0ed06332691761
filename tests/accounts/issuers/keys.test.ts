/** Tests how the keys of another issuer are fetched, rotated, and used while the issuer does not respond. */
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../../support/clock.ts'
import { createKey, type SigningKey, startIssuer, type TestIssuer, verifierOf } from '../../support/issuer.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const start = async () => {
  const clock = fakeClock()
  const issuer = await startIssuer(clock.now)
  const lasting = { claims: { exp: clock.now() / 1000 + 7200 } }
  return { clock, issuer, lasting, ...verifierOf(issuer, clock) }
}

describe('the keys of an issuer', () => {
  test('are fetched again for a new kid, and for unknown ones at most once a minute', async () => {
    const { clock, issuer, outcome } = await start()
    const before = await issuer.token('old')
    expect(await outcome(before)).toBe('old')
    issuer.keys = [await createKey('EdDSA'), issuer.keys[0] as SigningKey]
    expect(await outcome(await issuer.token('new'))).toBe('new')
    expect(issuer.fetches()).toBe(2)
    const unknown = await Promise.all(
      Array.from({ length: 20 }, (_, at) => issuer.token('person-1', { header: { kid: `unknown-${at}` } }))
    )
    expect(new Set(await Promise.all(unknown.map(outcome)))).toEqual(new Set(['invalid_token']))
    expect(issuer.fetches()).toBe(2)
    clock.advance(MINUTE - 1)
    issuer.keys = [await createKey('RS256')]
    expect(await outcome(await issuer.token('newest'))).toBe('invalid_token')
    clock.advance(1)
    expect(await outcome(await issuer.token('newest'))).toBe('newest')
    expect(await outcome(before)).toBe('invalid_token')
    expect(issuer.fetches()).toBe(3)
  })

  test('are fetched again, at most once a minute, for tokens without a kid that none of them verifies', async () => {
    const { clock, issuer, outcome } = await start()
    const unnamed = (subject: string) => issuer.token(subject, { header: { kid: undefined } })
    expect(await outcome(await unnamed('old'))).toBe('old')
    issuer.keys = [await createKey()]
    const tokens = await Promise.all(['one', 'two', 'three'].map(unnamed))
    expect(await Promise.all(tokens.map(outcome))).toEqual(['one', 'two', 'three'])
    expect(issuer.fetches()).toBe(2)
    const forged = await issuer.token('person-1', { header: { kid: undefined }, key: await createKey() })
    expect(await outcome(forged)).toBe('invalid_token')
    clock.advance(MINUTE)
    expect(await outcome(forged)).toBe('invalid_token')
    expect(issuer.fetches()).toBe(3)
  })

  test('are fetched once for all tokens that arrive at the same time', async () => {
    const { issuer, outcome } = await start()
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, at) => issuer.token(`person-${at}`)))
    expect((await Promise.all(tokens.map(outcome))).length).toBe(20)
    expect(issuer.fetches()).toBe(1)
  })

  test('are no longer used five minutes after the issuer has removed them', async () => {
    const { clock, issuer, lasting, outcome } = await start()
    const token = await issuer.token('person-1', lasting)
    expect(await outcome(token)).toBe('person-1')
    issuer.keys = [await createKey()]
    clock.advance(5 * MINUTE)
    await expect.poll(() => outcome(token)).toBe('invalid_token')
  })

  test('are used for an hour while the issuer does not respond, and again when it does', async () => {
    const { clock, issuer, lasting, outcome, warnings } = await start()
    const token = await issuer.token('person-1', lasting)
    expect(await outcome(token)).toBe('person-1')
    issuer.respond = (_request, response) => response.writeHead(500).end()
    clock.advance(5 * MINUTE)
    await expect.poll(() => warnings).toHaveLength(1)
    clock.advance(HOUR - 1)
    expect(await outcome(token)).toBe('person-1')
    expect(await outcome(await issuer.token('person-1', { header: { kid: 'new' } }))).toBe('unavailable')
    clock.advance(1)
    expect(await outcome(token)).toBe('unavailable')
    issuer.respond = undefined
    clock.advance(MINUTE)
    await expect.poll(() => outcome(token)).toBe('person-1')
  })

  test('are requested every five seconds at most while there are none', async () => {
    const { clock, issuer, outcome, warnings } = await start()
    issuer.respond = (_request, response) => response.writeHead(404).end()
    const token = await issuer.token('person-1')
    expect(await outcome(token)).toBe('unavailable')
    issuer.respond = undefined
    clock.advance(4999)
    expect(await outcome(token)).toBe('unavailable')
    expect(warnings).toHaveLength(1)
    clock.advance(1)
    expect(await outcome(token)).toBe('person-1')
  })

  const BAD: Record<string, TestIssuer['respond']> = {
    'a redirect': (_request, response) => response.writeHead(302, { location: '/keys' }).end(),
    'a document that is too large': (_request, response) => response.end(`{"keys":[],"x":"${'x'.repeat(300_000)}"}`),
    'a document that is not JSON': (_request, response) => response.end('<html>'),
    'a document without a list of keys': (_request, response) => response.end('{"keys":{}}'),
    'a list without a usable key': (_request, response) =>
      response.end(
        '{"keys":[{"kty":"oct","k":"c2VjcmV0","alg":"HS256"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","use":"enc"},1,null]}'
      )
  }
  test.for(Object.keys(BAD))('are not read from %s', async name => {
    const { issuer, outcome, warnings } = await start()
    issuer.respond = (request, response) => {
      if (request.url === '/keys') return BAD[name]?.(request, response)
      response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }))
    }
    expect(await outcome(await issuer.token('person-1'))).toBe('unavailable')
    expect(issuer.fetches()).toBe(1)
    expect(warnings).toEqual([expect.stringContaining('failed to fetch the keys')])
  })

  test('are read from AUTH_JWKS_URL without discovery', async () => {
    const clock = fakeClock()
    const issuer = await startIssuer(clock.now)
    const seen: unknown[] = []
    issuer.respond = (request, response) => {
      seen.push(request.url)
      response.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }))
    }
    const { outcome } = verifierOf(issuer, clock, { jwksUrl: `${issuer.url}/elsewhere` })
    expect(await outcome(await issuer.token('person-1'))).toBe('person-1')
    expect(seen).toEqual(['/elsewhere'])
  })

  test.for([
    ['another issuer', { issuer: 'http://127.0.0.1:1' }],
    ['a URL without TLS', { jwks_uri: 'http://keys.example.com/keys' }],
    ['no URL', { jwks_uri: undefined }]
  ] as const)('are not looked up in a discovery document with %s', async ([, changed]) => {
    const { issuer, outcome } = await start()
    issuer.respond = (_request, response) =>
      response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, ...changed }))
    expect(await outcome(await issuer.token('person-1'))).toBe('unavailable')
    expect(issuer.fetches()).toBe(0)
  })
})
