/**
 * Tests requests with odd texts. An odd text contains a NUL character, which PostgreSQL cannot store, or half of a surrogate
 * pair. Replaces the texts of each request by odd texts, one at a time. No request may get a 5xx.
 */
import { expect, test } from 'vitest'
import { createAuthenticator } from '../support/authenticator.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'
import { type Operation, operations, resolve } from './document.ts'

const ORIGIN = 'https://chat.example.com'
const ODD = ['\u0000', 'a\u0000b', '\ud800']

/** Returns copies of a value. In each copy, one text is replaced by an odd text. */
const withOddText = (value: unknown): unknown[] => {
  if (typeof value === 'string') return ODD
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, part]) =>
    withOddText(part).map(odd => (Array.isArray(value) ? value.with(Number(name), odd) : { ...value, [name]: odd }))
  )
}

const bodiesOf = ({ requestBody }: Operation): unknown[] => {
  const schema = resolve(requestBody?.content['application/json']?.schema ?? {})
  return (schema.examples ?? []).flatMap(withOddText)
}

/**
 * Returns the path of an operation with the examples of its path parameters, and one copy of this path for each path or query
 * parameter, with a NUL in that parameter.
 */
const pathsOf = ({ path, parameters }: Operation): string[] => {
  const filled = (odd?: string): string => {
    const textOf = (name: string, example: unknown) => encodeURIComponent(name === odd ? 'a\u0000b' : String(example))
    const query = parameters.flatMap(({ in: place, name }) =>
      place === 'query' && name === odd ? [`${name}=${textOf(name, '')}`] : []
    )
    const filledPath = parameters.reduce(
      (text, { name, example = 1 }) => text.replace(`{${name}}`, () => textOf(name, example)),
      path
    )
    return filledPath + (query.length > 0 ? `?${query.join('&')}` : '')
  }
  return [filled(), ...parameters.filter(({ in: place }) => place !== 'header').map(({ name }) => filled(name))]
}

const start = async () => {
  const chat = await startChat({
    settings: { publicUrl: ORIGIN, messageRateLimit: 0, readRateLimit: 0 },
    printMail: () => {}
  })
  const { database, call } = chat
  const { id } = await chat.register('ada')
  await database.administration.change(null, id, { role: 'admin' })
  const login = async (): Promise<string> =>
    (await call('POST', '/api/auth/login', { body: { username: 'ada', password: PASSWORD } })).body.access_token
  const unlimited = async () => {
    for (const table of ['rate_limits', 'login_throttles'])
      await database.client.query(`delete from "${database.schema}".${table}`)
  }
  return { ...chat, login, unlimited }
}

test('no request with an odd text gets a 5xx', { timeout: 300_000 }, async () => {
  const { call, login, unlimited } = await start()
  const faults: string[] = []
  let sent = 0
  for (const operation of operations) {
    const { method, operationId } = operation
    const token = await login()
    const requests: { readonly path: string; readonly body?: unknown }[] = [
      ...bodiesOf(operation).map(body => ({ path: pathsOf(operation)[0] ?? '', body })),
      ...pathsOf(operation)
        .slice(1)
        .map(path => ({ path }))
    ]
    for (const { path, body } of requests) {
      await unlimited()
      const response = await call(method, path, { token, body })
      sent++
      if (response.status >= 500) faults.push(`${operationId} ${path} ${JSON.stringify(body)}: ${response.status}`)
    }
  }
  expect(faults).toEqual([])
  expect(sent).toBeGreaterThan(100)
})

test('a passkey with an odd text in any field gets a 4xx', async () => {
  const { call, login, unlimited } = await start()
  const token = await login()
  const key = createAuthenticator(ORIGIN)
  const statuses = new Set<number>()
  const sendAll = async (path: string, responseTo: (options: object) => object) => {
    const request = async () => {
      await unlimited()
      const { challenge, options } = (await call('POST', `${path}/options`, { token, body: {} })).body
      return { challenge, name: 'Key', response: responseTo(options) }
    }
    for (let at = 0; at < withOddText(await request()).length; at++) {
      const response = await call('POST', path, { token, body: withOddText(await request())[at] })
      statuses.add(response.status)
    }
    return call('POST', path, { token, body: await request() })
  }
  expect((await sendAll('/api/auth/passkeys', options => createAuthenticator(ORIGIN).create(options))).status).toBe(201)
  const { challenge, options } = (await call('POST', '/api/auth/passkeys/options', { token })).body
  const body = { challenge, name: 'Key', response: key.create(options) }
  expect((await call('POST', '/api/auth/passkeys', { token, body })).status).toBe(201)
  for (const path of ['/api/auth/passkeys/login', '/api/auth/passkeys/proof']) {
    expect((await sendAll(path, options => key.get(options))).status).toBe(200)
  }
  expect([...statuses].filter(status => status >= 500)).toEqual([])
})
