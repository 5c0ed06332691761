/** What the pool relies on in postgres.js, and what it promises. */

import { sql as fragment } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createPool } from '../../src/db/client/pool.ts'
import { testDatabaseUrl } from '../support/database.ts'

const start = async ({ mayReplace = true, max = 2 } = {}) => {
  const url = await testDatabaseUrl()
  const opened: postgres.Sql[] = []
  const open = () => {
    const sql = postgres(url, { max, onnotice: () => {} })
    opened.push(sql)
    onTestFinished(() => sql.end({ timeout: 1 }))
    return sql
  }
  return { ...createPool(open, { mayReplace }), opened }
}

const READ_ONLY = `do $$ begin raise exception 'read-only' using errcode = '25006'; end $$`

describe('a pool', () => {
  test.each(['unsafe', 'template', 'begin', 'drizzle'])(
    'it replaces its connections when %s meets a server that is read-only',
    async how => {
      const { sql, opened } = await start()
      const pid = async () => (await sql.unsafe('select pg_backend_pid() as pid'))[0]?.pid
      const before = await pid()
      const ways: Record<string, () => PromiseLike<unknown>> = {
        unsafe: () => sql.unsafe(READ_ONLY),
        template: () => sql`do $$ begin raise exception 'read-only' using errcode = '25006'; end $$`,
        begin: () => sql.begin(transaction => transaction.unsafe(READ_ONLY)),
        drizzle: () => drizzle(sql).execute(fragment.raw(READ_ONLY))
      }
      await expect(ways[how]?.()).rejects.toThrow()
      expect(opened).toHaveLength(2)
      expect(await pid()).not.toBe(before)
    }
  )

  test('it lets a query end on the connection that is replaced', async () => {
    const { sql, replace, opened } = await start()
    const slow = sql`select pg_sleep(0.3), 'done' as word`
    const sent = slow.then(rows => rows[0]?.word)
    await sql`select 1`
    replace()
    expect(opened).toHaveLength(2)
    expect(await sent).toBe('done')
  })

  test('it replaces at most once a second, and never what is somebody else’s', async () => {
    const pool = await start()
    for (let at = 0; at < 5; at++) pool.replace()
    expect(pool.opened).toHaveLength(2)
    const hosts = await start({ mayReplace: false })
    hosts.replace()
    await expect(hosts.sql.unsafe(READ_ONLY)).rejects.toThrow()
    expect(hosts.opened).toHaveLength(1)
  })

  test('it keeps its connections when a statement is wrong', async () => {
    const { sql, opened } = await start()
    await expect(sql.unsafe('select nonsense')).rejects.toThrow()
    expect(opened).toHaveLength(1)
  })

  test('it knows how many queries wait for a connection', async () => {
    const { sql, waiting } = await start({ max: 2 })
    expect(waiting()).toBe(0)
    const queries = Array.from({ length: 5 }, () => sql.unsafe('select pg_sleep(0.1)').execute())
    // A query that nobody awaits is never sent.
    void sql`select 1`
    await new Promise(setImmediate)
    expect(waiting()).toBe(3)
    await Promise.all(queries)
    await sql.begin(transaction => transaction`select 1`)
    await sql.unsafe('select nonsense').catch(() => {})
    expect(waiting()).toBe(0)
  })

  test('it sends no query behind one that runs, and keeps connections for what is urgent', async () => {
    const { sql, urgent, waiting } = await start({ max: 10 })
    const release = await lock()
    const blocked = Array.from({ length: 30 }, () => sql.unsafe(`select pg_advisory_xact_lock(${LOCK})`).execute())
    const inTransaction = sql.begin(transaction => transaction`select 1`)
    await new Promise(setImmediate)
    expect(waiting()).toBe(25)
    const rows = await Promise.all(
      [1, 2, 3, 4].map(at => urgent('select $1::integer as at', [at] as never, { prepare: true }))
    )
    expect(rows.map(([row]) => row?.at)).toEqual([1, 2, 3, 4])
    await release()
    await Promise.all([...blocked, inTransaction])
    expect(waiting()).toBe(0)
  })

  test('it replaces its connections when an urgent query meets a server that is read-only', async () => {
    const { urgent, opened } = await start()
    await expect(urgent(READ_ONLY, [], { prepare: false })).rejects.toThrow()
    expect(opened).toHaveLength(2)
  })
})

const LOCK = 7_312_556

/** Holds an advisory lock until the returned function is called. */
const lock = async (): Promise<() => Promise<void>> => {
  const holder = postgres(await testDatabaseUrl(), { max: 1, onnotice: () => {} })
  onTestFinished(() => holder.end({ timeout: 1 }))
  await holder.unsafe(`select pg_advisory_lock(${LOCK})`)
  return async () => {
    await holder.unsafe(`select pg_advisory_unlock(${LOCK})`)
  }
}
