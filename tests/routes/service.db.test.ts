import { expect, test } from 'vitest'
import { startChat } from '../support/start-chat.ts'

test('GET / says what this is and where to go', async () => {
  const { call } = await startChat()
  expect(await call('GET', '/')).toMatchObject({
    status: 200,
    body: {
      message: expect.any(String),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      endpoints: { docs: '/docs' }
    }
  })
})

test('the health routes are well', async () => {
  const { call } = await startChat()
  expect(await call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'healthy' } })
  expect(await call('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'healthy' } })
  expect(await call('GET', '/health/ready')).toMatchObject({ status: 200, body: { status: 'healthy' } })
})

test('a database that does not answer makes health 503, and nothing about the inside is told', async () => {
  const { call, database } = await startChat()
  const { query } = database.client
  Object.assign(database.client, { query: () => Promise.reject(new Error('connect ECONNREFUSED 10.1.2.3:5432')) })
  for (const path of ['/health', '/health/ready']) {
    const answer = await call('GET', path)
    expect(answer).toMatchObject({ status: 503, body: { status: 'unhealthy', checks: { database: 'unavailable' } } })
    expect(JSON.stringify(answer.body)).not.toContain('10.1.2.3')
  }
  expect(await call('GET', '/health/live')).toMatchObject({ status: 200 })
  Object.assign(database.client, { query })
})

test('an unknown path is a 404 problem that does not repeat the query', async () => {
  const { call } = await startChat()
  const answer = await call('GET', '/nowhere?token=secret-token')
  expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
  expect(JSON.stringify(answer.body)).not.toContain('secret-token')
})

test('a request id that looks like one is kept, another is made', async () => {
  const { call } = await startChat()
  const kept = await call('GET', '/health/live', { headers: { 'x-request-id': 'abc-12345' } })
  expect(kept.headers.get('x-request-id')).toBe('abc-12345')
  const made = await call('GET', '/health/live', { headers: { 'x-request-id': 'no good\tid' } })
  expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('only the origins that are listed get CORS headers, with credentials', async () => {
  const { call } = await startChat({ settings: { corsOrigins: ['https://app.example'] } })
  const preflight = (origin: string) =>
    call('OPTIONS', '/api/auth/login', { headers: { origin, 'access-control-request-method': 'POST' } })
  const good = await preflight('https://app.example')
  expect(good.headers.get('access-control-allow-origin')).toBe('https://app.example')
  expect(good.headers.get('access-control-allow-credentials')).toBe('true')
  expect(good.headers.get('access-control-allow-methods')).toContain('POST')
  const bad = await preflight('https://evil.example')
  expect(bad.headers.get('access-control-allow-origin')).toBeNull()
})

test('no origin is allowed when none is listed', async () => {
  const { call } = await startChat()
  const { headers } = await call('GET', '/health/live', { headers: { origin: 'https://app.example' } })
  expect(headers.get('access-control-allow-origin')).toBeNull()
})

test('helmet’s headers are there', async () => {
  const { call } = await startChat()
  const { headers } = await call('GET', '/health/live')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(headers.get('strict-transport-security')).toContain('max-age')
})

test('the documents name nothing outside, and every asset is there', async () => {
  const { call } = await startChat()
  for (const page of ['/docs', '/redoc']) {
    const { status, body, headers } = await call('GET', page)
    expect(status).toBe(200)
    const assets = [...String(body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, asset = '']) => asset)
    expect(assets.filter(asset => /^(https?:)?\/\//.test(asset))).toEqual([])
    expect(headers.get('content-security-policy')).toContain("default-src '")
    for (const asset of assets.filter(one => !one.startsWith('data:'))) {
      const { pathname } = new URL(asset, `http://localhost${page}`)
      expect({ asset, status: (await call('GET', pathname)).status }).toEqual({ asset, status: 200 })
    }
  }
  expect((await call('GET', '/openapi.json')).body).toMatchObject({ openapi: '3.1.0' })
})
