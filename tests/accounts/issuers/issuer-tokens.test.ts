/** Tests which tokens of another issuer are accepted. */
import { createHmac } from 'node:crypto'
import { type CryptoKey, exportSPKI, importJWK } from 'jose'
import { describe, expect, test } from 'vitest'
import { type FakeClock, fakeClock } from '../../support/clock.ts'
import { createKey, type SigningKey, startIssuer, type TokenOptions, verifierOf } from '../../support/issuer.ts'

const start = async (clock: FakeClock = fakeClock()) => {
  const issuer = await startIssuer(clock.now)
  return { issuer, clock, ...verifierOf(issuer, clock) }
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('a token of another issuer', () => {
  test.for(['RS256', 'ES256', 'EdDSA'])('is accepted with %s, and verified once', async algorithm => {
    const { issuer, tokens } = await start()
    issuer.keys = [await createKey(algorithm)]
    const token = await issuer.token('person-1', { claims: { preferred_username: 'john' } })
    const person = await tokens.verify(token)
    expect(person).toMatchObject({ subject: 'person-1', name: 'john' })
    expect(tokens.verify(token)).toBe(person)
    expect(issuer.fetches()).toBe(1)
  })

  test('is accepted without a kid, with an audience among others, and with any spelling of its type', async () => {
    const { issuer, outcome } = await start()
    issuer.keys.push(await createKey('RS256'), await createKey())
    const accepted: TokenOptions[] = [
      { header: { kid: undefined }, key: issuer.keys[2] as SigningKey },
      { claims: { aud: ['other', 'chat-api'] } },
      { claims: { token_use: 'access', typ: 'Bearer' } },
      { header: { typ: 'JWT' } },
      { header: { typ: 'application/AT+JWT' } }
    ]
    for (const options of accepted) expect(await outcome(await issuer.token('person-1', options))).toBe('person-1')
  })

  const REJECTED: Record<string, TokenOptions> = {
    'of another audience': { claims: { aud: 'other' } },
    'without audience': { claims: { aud: undefined } },
    'of another issuer': { claims: { iss: 'https://example.com' } },
    'without issuer': { claims: { iss: undefined } },
    'without subject': { claims: { sub: undefined } },
    'with an empty subject': { claims: { sub: '' } },
    'with a subject that is a number': { claims: { sub: 7 } },
    'with a subject that cannot be stored': { claims: { sub: 'a\u0000b' } },
    'with a subject that is too long': { claims: { sub: 'a'.repeat(256) } },
    'without expiry': { claims: { exp: undefined } },
    'with an expiry that is text': { claims: { exp: '9999999999' } },
    'with an expiry that is no time': { claims: { exp: 1e300 } },
    'that is not yet valid': { claims: { nbf: Date.parse('2026-01-31T12:01:01Z') / 1000 } },
    'without type': { header: { typ: undefined } },
    'of another type': { header: { typ: 'logout+jwt' } },
    'with a nonce, as in an ID token': { claims: { nonce: 'n' } },
    'with at_hash, as in an ID token': { claims: { at_hash: 'h' } },
    'for a refresh': { claims: { typ: 'Refresh' } },
    'that says that it is an ID token': { claims: { typ: 'ID' } },
    'for another use': { claims: { token_use: 'id' } },
    'of an unknown key': { header: { kid: 'unknown' } }
  }
  test.for(Object.keys(REJECTED))('is rejected %s', async name => {
    const { issuer, outcome } = await start()
    expect(await outcome(await issuer.token('person-1', REJECTED[name]))).toBe('invalid_token')
  })

  test('is rejected if another key signed it, even with a known kid or with a key in its header', async () => {
    const { issuer, outcome } = await start()
    const stranger = await createKey()
    const { kid } = issuer.keys[0] as SigningKey
    for (const header of [{ kid }, { kid, jwk: stranger.jwk }, { kid: undefined, jwk: stranger.jwk }]) {
      expect(await outcome(await issuer.token('person-1', { key: stranger, header }))).toBe('invalid_token')
    }
  })

  test('is rejected if its algorithm is not that of its key, such as HS256 with the public key, or none', async () => {
    const { issuer, outcome } = await start()
    const rsa = await createKey('RS256')
    issuer.keys = [rsa]
    const [, payload] = (await issuer.token('person-1')).split('.')
    const pem = await exportSPKI((await importJWK(rsa.jwk, 'RS256')) as CryptoKey)
    const forged = (alg: string, secret: string): string => {
      const signed = `${base64({ alg, kid: rsa.kid, typ: 'at+jwt' })}.${payload}`
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    }
    const tokens = [
      forged('HS256', pem),
      forged('HS256', String(rsa.jwk.n)),
      forged('RS256', pem),
      forged('ES256', pem)
    ]
    tokens.push(`${base64({ alg: 'none', kid: rsa.kid, typ: 'at+jwt' })}.${payload}.`)
    for (const token of tokens) expect(await outcome(token)).toBe('invalid_token')
  })

  test.for(['', '.', '..', 'a.b.c', 'e30.e30.e30', `${base64({ alg: 'ES256', typ: 'at+jwt', kid: 1 })}.e30.e30`])(
    'is rejected if it is "%s"',
    async text => {
      const { outcome, tokens } = await start()
      expect(await outcome(text)).toBe('invalid_token')
      expect(tokens.names(text)).toBe(false)
    }
  )

  test('is accepted for a minute after its expiry, even if it was verified before', async () => {
    const { issuer, clock, outcome } = await start()
    const [seen, unseen] = [await issuer.token('person-1'), await issuer.token('person-2')]
    expect(await outcome(seen)).toBe('person-1')
    clock.advance(359_000)
    expect([await outcome(seen), await outcome(unseen)]).toEqual(['person-1', 'person-2'])
    clock.advance(2000)
    expect([await outcome(seen), await outcome(unseen)]).toEqual(['token_expired', 'token_expired'])
  })

  test('is recognized only if its issuer is exactly the configured one', async () => {
    const { issuer, tokens } = await start()
    expect(tokens.names(await issuer.token('person-1'))).toBe(true)
    for (const iss of [undefined, `${issuer.url}/`, issuer.url.toUpperCase(), [issuer.url]]) {
      expect(tokens.names(await issuer.token('person-1', { claims: { iss } }))).toBe(false)
    }
  })
})
