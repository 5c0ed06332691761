/** Tests that a connection that is lost during a transaction fails only the transaction. */
import { once } from 'node:events'
import { Socket } from 'node:net'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { isUnavailable } from '../../src/db/client/errors.ts'
import { openClient } from '../../src/db/client/open.ts'
import type { SqlTransaction } from '../../src/db/client/types.ts'
import { startProxy } from '../chaos/proxy.ts'

const start = async () => {
  const url = new URL(inject('testListenUrl'))
  const proxy = await startProxy(Number(url.port || 5432))
  onTestFinished(() => proxy.close())
  url.port = String(proxy.port)
  const connects = vi.spyOn(Socket.prototype, 'connect')
  onTestFinished(() => connects.mockRestore())
  const client = await openClient({ url: url.href, poolMax: 2 })
  onTestFinished(() => client.close())
  /** Closes the connections of the client. Resolves when all sockets of the client are closed. */
  const lose = async () => {
    const sockets = connects.mock.contexts as Socket[]
    const open = sockets.filter(({ closed, remotePort }) => !closed && remotePort === proxy.port)
    expect(open).not.toEqual([])
    const noticed = open.map(socket => once(socket, 'close'))
    proxy.cut()
    await Promise.all(noticed)
  }
  return { client, lose }
}

type Work = (transaction: SqlTransaction, lose: () => Promise<void>) => Promise<unknown>

const WORKS: Readonly<Record<string, Work>> = {
  'while a statement runs': ({ query }, lose) => Promise.all([query('select pg_sleep(5)'), lose()]),
  'while several statements run': async ({ query, exec }, lose) => {
    await Promise.allSettled([query('select pg_sleep(5)'), exec('select 1'), lose()])
    await query('select 1')
  },
  'between two statements': async ({ query }, lose) => {
    await lose()
    await query('select 1')
  },
  'before the commit': (_, lose) => lose(),
  'before the work fails': async (_, lose) => {
    await lose()
    throw new Error('failed')
  }
}

test.for(Object.entries(WORKS))('a connection that is lost %s fails the transaction only', async ([, work]) => {
  const { client, lose } = await start()
  // Vitest reports uncaught exceptions as errors of the run. This test must fail instead.
  const onUncaught = vi.fn()
  const before = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[]
  process.removeAllListeners('uncaughtException').on('uncaughtException', onUncaught)
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  })

  const result = client.transaction(async transaction => {
    await transaction.query('create temporary table lost (n integer)')
    await work(transaction, lose)
  })
  const error = await result.catch((reason: unknown) => reason)
  expect(isUnavailable(error), String(error)).toBe(true)
  await expect.poll(() => client.query('select 1 as n').catch(() => [])).toEqual([{ n: 1 }])
  expect(onUncaught).not.toHaveBeenCalled()
})

test('a statement that is sent after the connection was lost does not run on another connection', async () => {
  const { client, lose } = await start()
  const late: Promise<unknown>[] = []
  const result = client.transaction(async ({ query }) => {
    await query('select 1')
    await lose()
    // These statements are outside the transaction. They make the client open new connections.
    await expect.poll(() => client.query('select 1 as n').catch(() => [])).toEqual([{ n: 1 }])
    late.push(query('select 2'))
    await Promise.allSettled(late)
  })
  await expect(result).rejects.toThrow()
  await expect.poll(() => late.length).toBe(1)
  await expect(late[0]).rejects.toThrow('The transaction is over')
})
