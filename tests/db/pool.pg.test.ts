/** Tests how a connection pool opens connections, replaces them when the server is read-only, and queues queries. */
import postgres from 'postgres'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { createPool } from '../../src/db/client/pool.ts'
import { createDatabase } from '../../src/db/database.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { testDatabaseUrl } from '../support/database.ts'

const start = async ({ mayReplace = true, max = 2 } = {}) => {
  const url = await testDatabaseUrl()
  const opened: postgres.Sql[] = []
  const open = async () => {
    const sql = postgres(url, { max, onnotice: () => {} })
    opened.push(sql)
    onTestFinished(() => sql.end({ timeout: 1 }))
    return sql
  }
  const end = (sql: postgres.Sql, timeout: number) => sql.end({ timeout })
  const pool = createPool({ open, end, maxConnections: max, mayReplace, waitMs: 60_000 })
  const query = (text: string) => pool.run(async sql => (await sql.unsafe(text))[0])
  return { ...pool, opened, query }
}

const READ_ONLY = `do $$ begin raise exception 'read-only' using errcode = '25006'; end $$`

describe('a pool', () => {
  test('it is opened once, when it is first used', async () => {
    const { query, opened } = await start()
    expect(opened).toHaveLength(0)
    await Promise.all([query('select 1'), query('select 1'), query('select 1')])
    expect(opened).toHaveLength(1)
  })

  test('it is opened again after opening has failed', async () => {
    let attempts = 0
    const open = async () => {
      attempts++
      if (attempts === 1) throw new Error('not yet')
      return attempts
    }
    const pool = createPool({ open, end: async () => {}, maxConnections: 1, mayReplace: true, waitMs: 60_000 })
    await expect(pool.run(async opened => opened)).rejects.toThrow('not yet')
    expect(await pool.run(async opened => opened)).toBe(2)
    await pool.end()
    await expect(pool.run(async opened => opened)).rejects.toMatchObject({ code: 'CONNECTION_ENDED' })
  })

  test('it replaces its connections after a statement failed because the server is read-only', async () => {
    const { query, opened } = await start()
    const before = await query('select pg_backend_pid() as pid')
    await expect(query(READ_ONLY)).rejects.toThrow()
    expect(await query('select pg_backend_pid() as pid')).not.toEqual(before)
    expect(opened).toHaveLength(2)
  })

  test('it lets statements finish on a connection that is being replaced', async () => {
    const { query, replace, opened } = await start({ max: 4 })
    await query('select 1')
    const release = await lock()
    const slow = query(`select pg_advisory_xact_lock(${LOCK}), 'done' as word`)
    replace()
    await query('select 1')
    expect(opened).toHaveLength(2)
    await release()
    expect(await slow).toMatchObject({ word: 'done' })
  })

  test('it replaces its connections at most once per second, and never those of a host application', async () => {
    const now = vi.spyOn(systemClock, 'monotonic')
    onTestFinished(() => now.mockRestore())
    now.mockReturnValue(10_000)
    const pool = await start()
    for (let at = 0; at < 5; at++) {
      pool.replace()
      await pool.query('select 1')
    }
    expect(pool.opened).toHaveLength(1)
    now.mockReturnValue(11_000)
    pool.replace()
    await pool.query('select 1')
    expect(pool.opened).toHaveLength(2)
    const hosts = await start({ mayReplace: false })
    await expect(hosts.query(READ_ONLY)).rejects.toThrow()
    await hosts.query('select 1')
    expect(hosts.opened).toHaveLength(1)
  })

  test('it keeps its connections after a statement with an error', async () => {
    const { query, opened } = await start()
    await expect(query('select nonsense')).rejects.toThrow()
    await query('select 1')
    expect(opened).toHaveLength(1)
  })

  test('it counts the queries that wait for a connection', async () => {
    const { query, waiting } = await start({ max: 2 })
    await query('select 1')
    expect(waiting()).toBe(0)
    const release = await lock()
    const queries = Array.from({ length: 5 }, () => query(`select pg_advisory_xact_lock(${LOCK})`))
    await new Promise(setImmediate)
    expect(waiting()).toBe(4)
    await release()
    await Promise.all(queries)
    await query('select nonsense').catch(() => {})
    expect(waiting()).toBe(0)
  })

  test('it queues no query behind a running statement, and reserves connections for urgent queries', async () => {
    const { query, run, runUrgently, waiting } = await start({ max: 10 })
    const release = await lock()
    const blocked = Array.from({ length: 30 }, () => query(`select pg_advisory_xact_lock(${LOCK})`))
    const inTransaction = run(async sql => sql.begin(transaction => transaction`select 1`))
    await new Promise(setImmediate)
    expect(waiting()).toBe(25)
    const rows = await Promise.all([1, 2, 3, 4].map(at => runUrgently(async sql => sql`select ${at}::integer as at`)))
    expect(rows.map(([row]) => row?.at)).toEqual([1, 2, 3, 4])
    await release()
    await Promise.all([...blocked, inTransaction])
    expect(waiting()).toBe(0)
  })

  test.each([1, 2, 3])(
    'it runs urgent queries with a maximum of %i connections, and reserves one of them from 2 up',
    async max => {
      const { query, runUrgently } = await start({ max })
      const release = await lock()
      const blocked = Array.from({ length: 3 }, () => query(`select pg_advisory_xact_lock(${LOCK})`))
      await new Promise(setImmediate)
      const urgent = runUrgently(async sql => sql.unsafe('select 1 as done'))
      if (max === 1) await release()
      expect(await urgent).toMatchObject([{ done: 1 }])
      if (max > 1) await release()
      await Promise.all(blocked)
    }
  )

  test('it replaces its connections after an urgent query failed because the server is read-only', async () => {
    const { runUrgently, query, opened } = await start()
    await expect(runUrgently(async sql => sql.unsafe(READ_ONLY))).rejects.toThrow()
    await query('select 1')
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

test.each(['query', 'transaction', 'drizzle'])(
  'a client replaces its connections after %s failed because the server is read-only',
  async how => {
    const client = await openClient({ url: await testDatabaseUrl(), poolMax: 1 })
    onTestFinished(() => client.close())
    const pid = async () => (await client.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid
    const before = await pid()
    const schema = `read_only_${Math.random().toString(36).slice(2)}`
    const ways: Record<string, () => Promise<unknown>> = {
      query: () => client.query(READ_ONLY),
      transaction: () => client.transaction(({ exec }) => exec(READ_ONLY)),
      drizzle: async () => {
        await client.transaction(({ exec }) =>
          exec(`create schema ${schema};
          create function ${schema}.fail() returns integer language plpgsql as
            $f$ begin raise exception 'read-only' using errcode = '25006'; end $f$;
          create view ${schema}.rooms as select ${schema}.fail() as id, 'x'::text as name, ''::text as title,
            ''::text as topic, ''::text as visibility, false as guarded, 0 as slow_mode_seconds, false as archived,
            null::timestamptz as deleted_at, ''::text as invite, null::integer as retention_days, ''::text as epoch, 0::bigint as last_seq, 1::bigint as oldest_seq`)
        )
        onTestFinished(async () => {
          await client.query(`drop schema ${schema} cascade`)
        })
        return createDatabase(client, schema).rooms.findByName('x')
      }
    }
    await expect(ways[how]?.()).rejects.toThrow()
    expect(await pid()).not.toBe(before)
  }
)
