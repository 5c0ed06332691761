/** Tests the metrics in prom-client: unknown values, a host application's registry, and the missing package. */
import * as client from 'prom-client'
import { expect, test } from 'vitest'
import { createMetrics, loadPrometheus } from '../../../src/ops/metrics/prometheus.ts'

test('reports a reading only while it is known, and calls it for each collection', async () => {
  const metrics = createMetrics(client)
  let connections: number | undefined
  metrics.read('connections', () => connections)
  metrics.read('bus_failures_total', () => ({ postgres: connections, redis: undefined }))
  expect(await metrics.collect()).not.toMatch(/^chat_(connections|bus_failures_total)/m)
  connections = 3
  expect(await metrics.collect()).toMatch(/^chat_connections 3$/m)
  // The counter shows the value that the function returned last, and not the sum over all collections.
  expect(await metrics.collect()).toMatch(/^chat_bus_failures_total\{driver="postgres"\} 3$/m)
  connections = undefined
  expect(await metrics.collect()).not.toMatch(/^chat_connections/m)
})

test('uses the registry of a host application, without the metrics of Node, and leaves it as it was', async () => {
  const registry = new client.Registry()
  const own = new client.Counter({ name: 'orders_total', help: 'Orders.', registers: [registry] })
  own.inc()
  const metrics = createMetrics(client, registry)
  metrics.count('closes_total', 2, { code: '1000' })
  const text = await registry.metrics()
  expect(text).toMatch(/^chat_closes_total\{code="1000"\} 2$/m)
  expect(text).not.toContain('nodejs_')
  metrics.close()
  expect(await registry.metrics()).toMatch(
    /^# HELP orders_total Orders\.\n# TYPE orders_total counter\norders_total 1\n$/
  )
})

test('rejects a registry that has the metrics of another chat', () => {
  const registry = new client.Registry()
  createMetrics(client, registry).read('info', () => ({}))
  expect(() => createMetrics(client, registry)).toThrow('Pass each chat its own registry')
})

test('names the command that installs prom-client', async () => {
  const missing = () => Promise.reject(new Error('Cannot find package'))
  await expect(loadPrometheus(missing)).rejects.toThrow('Run `npm install prom-client`.')
  expect((await loadPrometheus()).Registry).toBeTypeOf('function')
})
