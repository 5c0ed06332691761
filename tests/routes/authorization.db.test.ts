/** Tests every route with every kind of invalid token. Reads the routes from the server, so that new routes are included. */
import { createHmac } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { chatService } from '../../src/app.ts'
import { testDatabase } from '../support/database.ts'
import { SECRET_KEY, testSettings } from '../support/settings.ts'

/** The routes that require no token. Every other route must require one. */
const PUBLIC = [
  'POST /api/auth/register',
  'POST /api/auth/login',
  'POST /api/auth/refresh',
  'POST /api/auth/password/forgot',
  'POST /api/auth/password/reset',
  'POST /api/auth/email',
  'POST /api/auth/email/verify',
  'POST /api/auth/totp/login',
  'POST /api/auth/passkeys/login',
  'POST /api/auth/passkeys/login/options',
  'GET /api/auth/features',
  'GET /',
  'GET /health',
  'GET /health/live',
  'GET /health/ready',
  'GET /openapi.json',
  'GET /asyncapi.json',
  'GET /redoc',
  'GET /redoc/',
  'GET /app',
  'GET /app/',
  'GET /app/:file',
  'GET /redoc/start.js',
  'GET /redoc/redoc.standalone.js'
]
const isPublic = (route: string): boolean => {
  const asGet = route.replace(/^HEAD /, 'GET ')
  return PUBLIC.includes(asGet) || /^GET \/docs(\/|$)/.test(asGet)
}

const start = async () => {
  const database = await testDatabase()
  const settings = testSettings({ databaseSchema: database.schema, audience: database.schema })
  const routes: string[] = []
  const server = Fastify()
  server.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'OPTIONS') routes.push(`${one} ${url}`)
  })
  await server.register(chatService, { resolved: { settings, warnings: [] }, client: database.client, pages: true })
  await server.ready()
  return { database, server, routes }
}

test('every route that is not public returns 401 for every invalid token, accepts a valid one, and may not be cached', async () => {
  const { database, server, routes } = await start()
  const user = await database.users.create({ username: 'john', hashedPassword: null })
  const now = Math.floor(Date.now() / 1000)
  const good = { sub: 'john', uid: user.id, jti: 'j', iat: now, exp: now + 60, aud: database.schema }
  const signWith = (key: string, claims: object, options: object = {}) => createSigner({ key, ...options })(claims)
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const withoutSignature = (claims: object) => `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`
  const signedByHand = (claims: unknown) => {
    const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
    return `${text}.${createHmac('sha256', SECRET_KEY).update(text).digest('base64url')}`
  }
  const { exp: _, ...endless } = good

  const bad: Record<string, string | undefined> = {
    'no token': undefined,
    'an empty token': '',
    nonsense: 'not-a-token',
    expired: signWith(SECRET_KEY, { ...good, iat: now - 120, exp: now - 60 }),
    'not valid yet': signWith(SECRET_KEY, { ...good, nbf: now + 60 }),
    'without an end': signWith(SECRET_KEY, endless),
    forged: `${signWith(SECRET_KEY, good).split('.').slice(0, 2).join('.')}.${'A'.repeat(43)}`,
    'alg none': withoutSignature(good),
    'another algorithm': signWith(SECRET_KEY, good, { algorithm: 'HS512' }),
    'another key': signWith('another-secret-0123456789-0123456789', good),
    'an unknown kid': signWith(SECRET_KEY, good, { kid: 'unknown' }),
    'another audience': signWith(SECRET_KEY, { ...good, aud: 'another' }),
    'a deleted user': signWith(SECRET_KEY, { ...good, uid: 1_000_000 }),
    'a name for an id': signWith(SECRET_KEY, { ...good, uid: 'john' }),
    'a string for claims': signedByHand('john')
  }

  const guarded = routes.filter(route => !isPublic(route))
  expect(guarded).toContain('GET /api/users/me')
  expect(guarded).toContain('GET /ws/chat')
  expect(guarded).toContain('HEAD /api/chat/rooms/:room')

  const results: string[] = []
  for (const route of guarded) {
    const [method = '', url = ''] = route.split(' ')
    for (const [kind, token] of Object.entries(bad)) {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const { statusCode, headers: responseHeaders } = await server.inject({ method: method as 'GET', url, headers })
      results.push(`${route}, ${kind}: ${statusCode} ${responseHeaders['www-authenticate'] ? 'challenged' : ''}`)
      if (responseHeaders['cache-control'] !== 'no-store') results.push(`${route}, ${kind}: may be cached`)
    }
    const headers = { authorization: `Bearer ${signWith(SECRET_KEY, good)}` }
    const response = await server.inject({ method: method as 'GET', url, headers })
    results.push(`${route}, good: ${response.statusCode === 401 ? 'rejected' : 'accepted'}`)
    if (response.headers['cache-control'] !== 'no-store') results.push(`${route}, good: may be cached`)
  }
  const wrong = results.filter(result => !/: 401 challenged$|: accepted$/.test(result))
  expect(wrong).toEqual([])
  await server.close()
})

test('no response of a public account route may be cached', async () => {
  const { server, routes } = await start()
  const credentials = { username: 'john', password: 'SecurePass123' }
  const accountRoutes = routes.filter(route => isPublic(route) && route.startsWith('POST '))
  expect(accountRoutes.length).toBeGreaterThan(8)
  // The first route registers the user, so that the login returns tokens.
  for (const route of accountRoutes) {
    const url = route.slice('POST '.length)
    const { statusCode, headers } = await server.inject({ method: 'POST', url, payload: credentials })
    expect([route, headers['cache-control']]).toEqual([route, 'no-store'])
    if (url === '/api/auth/login') expect(statusCode).toBe(200)
  }
  await server.close()
})
