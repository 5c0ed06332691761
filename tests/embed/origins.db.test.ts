/** Tests which pages can open the WebSocket, with and without CORS settings of the host. */
import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'vitest'
import { startHost } from '../support/start-host.ts'

const PAGE = 'https://host.example'
const page = { origin: PAGE }
const evil = { origin: 'https://evil.example' }

test.for([
  ['a list', { origin: [PAGE, 'https://other.example'] }],
  ['one origin', { origin: PAGE }],
  ['a pattern', { origin: /^https:\/\/host\.example$/ }],
  [
    'a function',
    {
      origin: (origin: string | undefined, allow: (error: null, isAllowed: boolean) => void) =>
        allow(null, origin === PAGE)
    }
  ],
  ['a later hook', { origin: PAGE, hook: 'preValidation' }]
] as const)('follows the host’s @fastify/cors with %s', async ([, options]) => {
  const { join } = await startHost({ before: host => host.register(cors, options as never) })
  await join('ann', { headers: page })
  await expect(join('ann', { headers: evil })).rejects.toThrow('403')
})

test('follows CORS headers that the host sets itself', async () => {
  const before = (host: FastifyInstance) => {
    host.addHook('onRequest', async (_, reply) => void reply.header('Access-Control-Allow-Origin', PAGE))
  }
  const { join } = await startHost({ before })
  await join('ann', { headers: page })
  await expect(join('ann', { headers: evil })).rejects.toThrow('403')
})

test('rejects a page with cookies if the host allows every page without credentials', async () => {
  const { join, log } = await startHost({ before: host => host.register(cors, { origin: '*' }) })
  await join('ann', { headers: evil })
  await expect(join('ann', { headers: { ...evil, cookie: 'sid=1' } })).rejects.toThrow('403')
  expect(log()).toContain('rejected a WebSocket from an origin that is not allowed')
})

test('logs a rejected origin without control characters', async () => {
  const { join, log } = await startHost()
  await expect(join('ann', { headers: { origin: 'https://evil\u009b31m.example' } })).rejects.toThrow('403')
  expect(log()).toContain('https://evil%9B31m.example')
})

test('accepts a page with cookies if the host allows credentials for the page', async () => {
  const { join } = await startHost({
    before: host => host.register(cors, { origin: [PAGE], credentials: true })
  })
  await join('ann', { headers: { ...page, cookie: 'sid=1' } })
  await expect(join('ann', { headers: { ...evil, cookie: 'sid=1' } })).rejects.toThrow('403')
})

test('accepts pages in corsOrigins in addition to those that the host’s CORS allows', async () => {
  const { join } = await startHost({
    corsOrigins: ['https://*.other.example'],
    before: host => host.register(cors, { origin: PAGE })
  })
  await join('ann', { headers: page })
  await join('ann', { headers: { origin: 'https://a.other.example', cookie: 'sid=1' } })
  await expect(join('ann', { headers: evil })).rejects.toThrow('403')
})

test.for([
  ['in preHandler', (host: FastifyInstance) => host.register(cors, { origin: PAGE, hook: 'preHandler' })],
  [
    'in onSend',
    (host: FastifyInstance) =>
      host.addHook('onSend', async (_, reply) => void reply.header('Access-Control-Allow-Origin', PAGE))
  ]
] as const)('accepts a page that the host allows only %s if it is in corsOrigins too', async ([, before]) => {
  const [without, listed] = [await startHost({ before }), await startHost({ before, corsOrigins: [PAGE] })]
  for (const { call } of [without, listed]) {
    const { headers } = await call('GET', '/support/api/users/me', { as: 'ann', headers: page })
    expect(headers.get('access-control-allow-origin')).toBe(PAGE)
  }
  await expect(without.join('ann', { headers: page })).rejects.toThrow('403')
  await listed.join('ann', { headers: page })
})

test('accepts only the host’s own pages without CORS', async () => {
  const { join, url } = await startHost()
  await join('ann', { headers: { origin: url } })
  await join('ann')
  for (const headers of [page, evil, { origin: 'null' }]) await expect(join('ann', { headers })).rejects.toThrow('403')
})
