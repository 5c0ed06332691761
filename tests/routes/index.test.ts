import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { requireUser } from '../../routes/index.ts'

test('every route in the authenticated scope and its inner scopes requires a user without any option', async () => {
  const app = Fastify()
  const rejectCaller = async () => {
    throw Object.assign(new Error('Send the access token.'), { statusCode: 401 })
  }
  app.decorate('chatAuth', { requireUser: rejectCaller, requireSocketUser: rejectCaller } as never)
  app.get('/public', async () => 'public')
  await app.register(async scope => {
    requireUser(scope)
    scope.get('/new', async () => 'secret')
    scope.get('/socket', { config: { chatSocket: true } }, async () => 'secret')
    await scope.register(async inner => {
      inner.post('/newer', { onRequest: async () => {} }, async () => 'secret')
    })
  })
  const statusOf = async (method: 'GET' | 'HEAD' | 'POST', url: string) =>
    (await app.inject({ method, url })).statusCode
  expect(await statusOf('GET', '/public')).toBe(200)
  expect(await statusOf('GET', '/new')).toBe(401)
  expect(await statusOf('HEAD', '/new')).toBe(401)
  expect(await statusOf('GET', '/socket')).toBe(401)
  expect(await statusOf('POST', '/newer')).toBe(401)
})
