/** Tests a host with @fastify/session and @fastify/csrf-protection. Both must apply to the chat's routes too. */
import cookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import session from '@fastify/session'
import { expect, test } from 'vitest'
import { startHost } from '../support/start-host.ts'

declare module 'fastify' {
  interface Session {
    name?: string
  }
}

test('authenticates users of a host’s session over HTTP and the WebSocket, and applies the host’s CSRF check', async () => {
  const { call, join } = await startHost({
    authenticate: ({ session: { name } }) => (name === undefined ? null : { id: name, name }),
    async before(host) {
      await host.register(cookie)
      await host.register(session, { secret: 'a-secret-of-32-characters-or-more', cookie: { secure: false } })
      await host.register(csrf, { sessionPlugin: '@fastify/session' })
      host.addHook('preHandler', (request, reply, done) =>
        request.method === 'GET' ? done() : host.csrfProtection(request, reply, done)
      )
      host.get('/login', async (request, reply) => {
        request.session.name = 'ann'
        return { token: reply.generateCsrf() }
      })
    }
  })
  const login = await call('GET', '/login')
  const headers = { cookie: login.headers.get('set-cookie')?.split(';', 1)[0] ?? '' }
  const rooms = '/support/api/chat/rooms'
  expect(await call('GET', '/support/api/users/me')).toMatchObject({ status: 401, body: { code: 'not_logged_in' } })
  expect(await call('GET', '/support/api/users/me', { headers })).toMatchObject({ body: { username: 'ann' } })
  const refused = await call('POST', rooms, { headers, body: { room: 'r' } })
  expect(refused).toMatchObject({ status: 403, body: { code: 'not_allowed', detail: expect.stringMatching(/csrf/i) } })
  const withToken = { headers: { ...headers, 'csrf-token': login.body.token }, body: { room: 'r' } }
  expect(await call('POST', rooms, withToken)).toMatchObject({ status: 201 })
  const ann = await join('', { headers })
  ann.send({ type: 'message', content: 'hello' })
  expect(await ann.nextOf('message')).toMatchObject({ username: 'ann' })
})
