/** Tests that the chat adds its metrics to the registry of a host application, and measures only its own routes. */
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { startHost } from '../support/start-host.ts'

test('adds metrics to the host’s registry, and removes them when the host closes', async () => {
  const registry = new Registry()
  const { app, call, join } = await startHost({
    metrics: { registry },
    before: host => host.get('/own/:id', async () => 'own')
  })
  await call('GET', '/own/1')
  await call('GET', '/support/api/users/me', { as: 'ann' })
  await join('ann')
  const text = await registry.metrics()
  expect(text).toMatch(/^chat_http_requests_total\{route="\/support\/api\/users\/me",status="2xx"\} 1$/m)
  expect(text).toMatch(/^chat_connections 1$/m)
  expect(text).not.toContain('/own')
  expect((await call('GET', '/support/metrics')).status).toBe(404)
  await app.close()
  expect(await registry.metrics()).not.toContain('chat_')
})

test('rejects an object that is not a registry', async () => {
  await expect(startHost({ metrics: { registry: {} as never } })).rejects.toThrow('must be an object with a `registry`')
})
