/**
 * Tests that statements fail instead of waiting when the database does not respond, and that later statements use new
 * connections.
 */
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { isUnavailable } from '../../src/db/client/errors.ts'
import { openClient } from '../../src/db/client/open.ts'
import { type FaultProxy, startProxy } from '../chaos/proxy.ts'
import { freePort } from '../support/free-port.ts'

const RESPONSE_MS = 2000

const start = async () => {
  const url = new URL(inject('testListenUrl'))
  const port = Number(url.port || 5432)
  const proxy = await startProxy(port)
  onTestFinished(() => proxy.close())
  url.port = String(proxy.port)
  const client = await openClient({ url: url.href, poolMax: 5, responseMs: RESPONSE_MS })
  onTestFinished(() => client.close())
  const one = () => client.query<{ n: number }>('select 1 as n')
  await one()
  return { client, proxy, port, one }
}

type Fault = (proxy: FaultProxy, port: number) => Promise<() => void>

/** Faults of the connections. Each function causes a fault and returns a function that ends the fault. */
const FAULTS: Readonly<Record<string, Fault>> = {
  'are blackholed': async proxy => {
    proxy.stall()
    return proxy.resume
  },
  'are half open': async proxy => {
    proxy.halfOpen()
    return () => {}
  },
  'are closed, and new ones are closed at once': async (proxy, port) => {
    proxy.redirect(await freePort())
    proxy.cut()
    return () => proxy.redirect(port)
  }
}

test.for(Object.entries(FAULTS))('statements fail and then work again if the connections %s', async ([, cause]) => {
  const { client, proxy, port, one } = await start()
  const end = await cause(proxy, port)
  // Runs more statements than the pool has connections, so that some statements wait for a connection.
  const statements = Array.from({ length: 12 }, one)
  const transactions = [
    client.transaction(({ query }) => query('select 1 as n')),
    client.transaction(({ query }) => query('select 1 as n'), { isUrgent: true })
  ]
  for (const result of await Promise.allSettled([...statements, ...transactions])) {
    // A statement that waits may succeed, because the pool replaces half-open connections when the first statements fail.
    if (result.status === 'fulfilled') expect(result.value).toEqual([{ n: 1 }])
    else expect(isUnavailable(result.reason), String(result.reason)).toBe(true)
  }
  end()
  await expect.poll(() => one().catch(String)).toEqual([{ n: 1 }])
})

test('a transaction fails if its connection stops responding before the commit', async () => {
  const { client, proxy } = await start()
  const transaction = client.transaction(async ({ query }) => {
    await query('select 1 as n')
    proxy.stall()
  })
  await expect(transaction).rejects.toThrow(/the database timed out/)
})

test('a long transaction is not limited, but each of its statements is', async () => {
  const { client } = await start()
  const sleep = (seconds: number) => `select pg_sleep(${seconds})`
  const many = client.transaction(async ({ query }) => {
    for (let at = 0; at < 4; at++) await query(sleep(0.6))
    return 'done'
  })
  expect(await many).toBe('done')
  await expect(client.transaction(({ query }) => query(sleep(6)))).rejects.toThrow(/the database timed out/)
  const unlimited = client.transaction(({ query }) => query(sleep(2.5)), { isUnlimited: true })
  expect(await unlimited).toHaveLength(1)
})

test('work that waits too long for a connection is not run', async () => {
  const { client, one } = await start()
  // Three statements run at a time, because the pool reserves two of its five connections. The others wait.
  const others = Promise.allSettled(Array.from({ length: 9 }, () => client.query('select pg_sleep(1.5)')))
  let isRun = false
  const last = client.transaction(async () => {
    isRun = true
  })
  await expect(last).rejects.toThrow(/a database connection timed out/)
  await others
  expect(await one()).toEqual([{ n: 1 }])
  expect(isRun).toBe(false)
})

test('work is not run if its transaction begins after the timeout', async () => {
  const { client, proxy } = await start()
  const direct = postgres(inject('testListenUrl'), { max: 1 })
  onTestFinished(() => direct.end())
  const [connection] = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  proxy.stall()
  let isRun = false
  const late = client.transaction(async () => {
    isRun = true
  })
  await expect(late).rejects.toThrow(/the database timed out/)
  // The late `begin` now reaches the server. The pool has replaced this connection, and closes it when the transaction ends.
  proxy.resume()
  const isOpen = async () => (await direct`select from pg_stat_activity where pid = ${connection?.pid ?? 0}`).length > 0
  await expect.poll(isOpen, { timeout: 20_000 }).toBe(false)
  expect(isRun).toBe(false)
})
