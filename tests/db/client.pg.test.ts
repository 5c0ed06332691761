/** Tests terminated connections and unreachable servers. These do not exist with the embedded database, which has no server. */
import { createServer, Socket } from 'node:net'
import postgres from 'postgres'
import { describe, expect, onTestFinished, test } from 'vitest'
import { faultOf } from '../../src/db/client/errors.ts'
import { openClient, waitForDatabase } from '../../src/db/client/open.ts'
import { openPostgres } from '../../src/db/client/postgres.ts'
import { testDatabaseUrl } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'

describe('waiting for a database', () => {
  test('resolves when the database responds', async () => {
    const client = await openClient({ url: await testDatabaseUrl(), poolMax: 10 })
    await waitForDatabase(client, { seconds: 60 })
    expect(await client.query('select 1 as one')).toEqual([{ one: 1 }])
    await client.close()
  })

  test('rejects with the host and the port of an unreachable database, but without the password', async () => {
    const port = await freePort()
    const client = await openClient({ url: `postgres://john:opensesame@127.0.0.1:${port}/chat`, poolMax: 10 })
    let retries = 0
    const error = await waitForDatabase(client, { seconds: 3, onRetry: () => retries++ }).catch(thrown => thrown)
    await client.close()
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain('ECONNREFUSED')
    expect(`${error.stack} ${error.cause}`).not.toContain('opensesame')
    expect(retries).toBe(1)
  })

  test('rejects if the server accepts the connection and does not respond', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => silent.once('listening', resolve))
    const address = silent.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const client = await openClient({ url: `postgres://john@127.0.0.1:${port}/chat`, poolMax: 10 })
    await expect(waitForDatabase(client, { seconds: 0 })).rejects.toThrow(/No database responded/)
    await client.close()
    silent.close()
  })

  test('rejects immediately with the error of a server that responds', async () => {
    const url = new URL(await testDatabaseUrl())
    url.pathname = '/no_such_database'
    const client = await openClient({ url: url.href, poolMax: 10 })
    await expect(waitForDatabase(client, { seconds: 60 })).rejects.toThrow(/3D000.*does not exist/)
    await client.close()
  })
})

test('it distinguishes a terminated connection from an invalid statement', async () => {
  const client = await openClient({ url: await testDatabaseUrl(), poolMax: 10 })
  const cut = await client.query('select pg_terminate_backend(pg_backend_pid())').catch(error => error)
  const wrong = await client.query('select nonsense').catch(error => error)
  await client.close()
  expect(faultOf(cut)).toBe('retry')
  expect(faultOf(wrong)).toBe('report')
})

describe('listening', () => {
  test('starts again after its connection was terminated, and reports it', async () => {
    const client = await openClient({ url: await testDatabaseUrl(), poolMax: 10 })
    const received: string[] = []
    let listened = 0
    let onListening = () => {}
    const listener = await client.notifications?.listen(
      'c1',
      payload => received.push(payload),
      () => {
        listened++
        onListening()
      }
    )
    const again = new Promise<void>(resolve => {
      onListening = resolve
    })
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen "c1"' and datname = current_database()`
    )
    await again
    await client.notifications?.notify('c1', ['hello'])
    await expect.poll(() => received).toEqual(['hello'])
    await listener?.notify(['to', 'all'])
    // The listening connection sent these payloads itself. So it has received them when `notify` resolves.
    expect(received).toEqual(['hello', 'to', 'all'])
    expect(listened).toBe(2)
    await listener?.end()
    await expect(listener?.notify(['lost'])).rejects.toThrow('The listening connection is lost.')
    await client.close()
  })

  test('retries with increasing delays if the server rejects it', async () => {
    // Does not use a client of the service, because that client cancels statements after 10 s. On a busy server, `drop database`
    // takes longer, because it includes a checkpoint.
    const admin = postgres(await testDatabaseUrl(), { max: 1, onnotice: () => {} })
    const name = `chat_gone_${Math.random().toString(36).slice(2)}`
    await admin.unsafe(`create database ${name}`)
    const url = new URL(await testDatabaseUrl())
    url.pathname = `/${name}`
    const client = openPostgres({ url: url.href, poolMax: 10 })
    const attempts: number[] = []
    const listener = await client.notifications?.listen(
      'c2',
      () => {},
      () => {}
    )
    const connect = Socket.prototype.connect
    onTestFinished(() => {
      Socket.prototype.connect = connect
    })
    Socket.prototype.connect = function (this: Socket, ...to: Parameters<typeof connect>) {
      attempts.push(performance.now())
      return connect.apply(this, to)
    } as typeof connect
    await admin.unsafe(`drop database ${name} with (force)`)
    await expect.poll(() => attempts.length).toBeGreaterThan(7)
    // The pauses between eight attempts are at least 20, 40, … 1280 ms. On a busy machine, the pauses are longer.
    expect((attempts[7] ?? 0) - (attempts[0] ?? 0)).toBeGreaterThan(2000)
    await listener?.end()
    await client.close()
    await admin.end({ timeout: 1 })
  })
})
