/** Tests that the deletion of expired messages continues after kill -9, and that others can append while it runs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { endWithTest } from '../support/child-process.ts'
import { testDatabase, testDatabaseUrl } from '../support/database.ts'
import { createDeferred } from '../support/deferred.ts'

const EXPIRED = 5000

/**
 * Fills a room with 5,000 expired and 100 kept messages. `begin` starts a process that deletes what is older than 30 days.
 */
const start = async () => {
  const database = await testDatabase()
  const { client, schema } = database
  const sql = <Row extends object>(text: string) => client.query<Row>(text.replaceAll('@', `"${schema}".`))
  await sql(`insert into @messages (room_id, seq, kind, user_id, content, write_id, created_at)
    select 1, n, 'message', 1, 't', 'w' || n, case when n <= ${EXPIRED} then now() - interval '40 days' else now() end
    from generate_series(1, ${EXPIRED + 100}) as n`)
  await sql(`insert into @message_state (room_id, seq, changed_seq, reactions)
    select 1, n, n + 1, '{"a":1}' from generate_series(1, ${EXPIRED + 100}, 10) as n`)
  await sql(`update @rooms set last_seq = ${EXPIRED + 100} where id = 1`)
  const url = await testDatabaseUrl()
  const begin = () => {
    const file = join(import.meta.dirname, 'expire-messages.ts')
    const child = spawn(process.execPath, ['--import', 'tsx', file, url, schema, '30'], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    endWithTest(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (output += data))
    return { child, ended: once(child, 'exit').then(() => output.replace('ready\n', '')) }
  }
  const rows = async (table: string) =>
    (await sql<{ count: number }>(`select count(*)::integer as count from @${table}`))[0]?.count ?? 0
  return { database, begin, rows, sql }
}

test('a process continues the deletion of one that was killed, while others append', async () => {
  const { database, begin, rows, sql } = await start()
  const first = begin()
  await expect.poll(() => rows('messages'), { timeout: 60_000, interval: 20 }).toBeLessThan(EXPIRED + 100)
  first.child.kill('SIGKILL')
  await first.ended
  const left = await rows('messages')
  const entry = { roomId: 1, userId: 1, kind: 'message', content: 't', meta: null, keyId: 'k', writeId: 'new' }
  const second = begin()
  expect(await database.messages.append([entry])).toMatchObject([{ seq: EXPIRED + 101 }])
  expect(JSON.parse(await second.ended)).toMatchObject({ deleted: left - 100 })
  expect(await rows('messages')).toBe(101)
  expect(await rows('message_state')).toBe(10)
  expect(await sql('select oldest_seq::integer as oldest from @rooms')).toEqual([{ oldest: EXPIRED + 1 }])
})

test('a transaction that holds the lock of the room neither waits nor is waited for', async () => {
  const { database, begin, rows, sql } = await start()
  /** Locks the room. Resolves with a function that releases the lock. */
  const lock = async () => {
    const [locked, released] = [createDeferred(), createDeferred()]
    const ended = database.client.transaction(async transaction => {
      await transaction.query('set local idle_in_transaction_session_timeout = 0')
      await transaction.query(`select from "${database.schema}".rooms where id = 1 for no key update`)
      locked.resolve()
      await released.promise
    })
    await locked.promise
    return () => {
      released.resolve()
      return ended
    }
  }
  const endFirst = await lock()
  expect(JSON.parse(await begin().ended)).toMatchObject({ deleted: 0 })
  await endFirst()
  // `expire` moves `oldest_seq` past the expired entries. The next process only deletes rows, which does not need the lock.
  expect(await database.messageRetention.expire(1, 30)).toBe(true)
  const endSecond = await lock()
  expect(JSON.parse(await begin().ended)).toMatchObject({ deleted: EXPIRED })
  await endSecond()
  expect(await rows('messages')).toBe(100)
  expect(await sql('select oldest_seq::integer as oldest from @rooms')).toEqual([{ oldest: EXPIRED + 1 }])
})
