/**
 * Tests the service behind Debian's PgBouncer in session mode and in transaction mode, with the default configuration and with
 * ignored startup parameters.
 */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { exercise, joinWith, logIn, startService } from '../support/exercise.ts'
import { type PgbouncerOptions, startPgbouncer } from '../support/pgbouncer.ts'
import { isAvailable } from '../support/requirements.ts'

const direct = () => inject('testListenUrl')

const start = async (options?: PgbouncerOptions) => {
  const pgbouncer = await startPgbouncer(direct(), options)
  onTestFinished(pgbouncer.stop)
  const databaseSchema = `t_${randomBytes(6).toString('hex')}`
  onTestFinished(async () => {
    const sql = postgres(direct(), { max: 1, onnotice: () => {} })
    await sql.unsafe(`drop schema if exists ${databaseSchema} cascade`)
    await sql.end({ timeout: 1 })
  })
  return { databaseUrl: pgbouncer.url, databaseSchema }
}

const IGNORING = ['ignore_startup_parameters = extra_float_digits,statement_timeout,lock_timeout,search_path']
const SETUPS: [string, PgbouncerOptions][] = [
  ['as installed', {}],
  ['in session mode, ignoring startup parameters', { settings: IGNORING }],
  ['in transaction mode', { mode: 'transaction' }],
  ['in transaction mode, ignoring startup parameters', { mode: 'transaction', settings: IGNORING }],
  ['in transaction mode with one connection', { mode: 'transaction', settings: ['default_pool_size = 1'] }]
]

describe.runIf(isAvailable('pgbouncer'))('behind PgBouncer', () => {
  test.each(SETUPS)('%s, everything works', async (_, options) => {
    const service = await startService(await start(options))
    await exercise(service, 'john')
    const errors = service.log().match(/"level":[56]0.*/g)
    expect(errors).toBeNull()
  })

  test.each(SETUPS)('%s, every transaction has the settings that the service requires', async (_, options) => {
    const { databaseUrl: url } = await start(options)
    const client = await openClient({ url, poolMax: 10 })
    onTestFinished(() => client.close())
    const shown = `select current_setting('statement_timeout') as s, current_setting('lock_timeout') as l,
      current_setting('transaction_isolation') as i, current_setting('datestyle') as d`
    const wanted = { s: '10s', l: '8s', i: 'read committed', d: 'ISO, MDY' }
    // Runs the queries concurrently, so that the pool uses several connections.
    const all = await Promise.all(Array.from({ length: 8 }, () => client.query(shown)))
    expect(all.flat()).toEqual(Array.from({ length: 8 }, () => wanted))
    expect(await client.transaction(({ query }) => query(shown))).toEqual([wanted])
    const prepared = await Promise.all(Array.from({ length: 20 }, (_, at) => client.query('select $1::int as n', [at])))
    expect(prepared.flat()).toEqual(Array.from({ length: 20 }, (_, n) => ({ n })))
  })

  test.each(SETUPS)('%s, the role in the URL is that of every transaction', async (_, options) => {
    const { databaseUrl } = await start(options)
    const client = await openClient({ url: `${databaseUrl}?options=-c%20role%3Dpg_monitor`, poolMax: 2 })
    onTestFinished(() => client.close())
    const wanted = [{ name: 'pg_monitor' }]
    expect(await client.query('select current_user as name')).toEqual(wanted)
    expect(await client.transaction(({ query }) => query('select current_user as name'))).toEqual(wanted)
  })

  test('in session mode, two processes receive each other’s notifications', async () => {
    const settings = await start()
    const [one, other] = [await startService(settings), await startService(settings)]
    expect(one.log()).not.toContain('DATABASE_LISTEN_URL')
    const socket = await joinWith(one, await logIn(one, 'john'))
    const sender = await joinWith(other, await logIn(other, 'jane'))
    sender.send({ type: 'message', content: 'hello', ref: 'r' })
    expect(await socket.nextOf('message')).toMatchObject({ content: 'hello' })
  })

  test('in transaction mode, the service warns that notifications are not delivered, and polls', async () => {
    const settings = await start({ mode: 'transaction' })
    const [one, other] = [await startService(settings), await startService(settings)]
    expect(one.log()).toMatch(/does not deliver notifications.*DATABASE_LISTEN_URL/)
    const socket = await joinWith(one, await logIn(one, 'john'))
    const sender = await joinWith(other, await logIn(other, 'jane'))
    sender.send({ type: 'message', content: 'hello', ref: 'r' })
    expect(await socket.nextOf('message')).toMatchObject({ content: 'hello' })
  })

  test('in transaction mode, notifications are delivered over DATABASE_LISTEN_URL', async () => {
    const settings = { ...(await start({ mode: 'transaction' })), databaseListenUrl: direct() }
    const [one, other] = [await startService(settings), await startService(settings)]
    expect(one.log()).not.toContain('DATABASE_LISTEN_URL')
    const socket = await joinWith(one, await logIn(one, 'john'))
    const sender = await joinWith(other, await logIn(other, 'jane'))
    const began = performance.now()
    const contents = Array.from({ length: 6 }, (_, at) => `hello ${at}`)
    for (const content of contents) {
      sender.send({ type: 'message', content, ref: 'r' })
      expect(await socket.nextOf('message')).toMatchObject({ content })
    }
    // Each message is sent after the previous message has arrived. If the process only polled every 5 s, the six messages would
    // take at least 25 s.
    expect(performance.now() - began).toBeLessThan(20_000)
  })

  test('the pooler’s message is in the error', async () => {
    const { databaseUrl } = await start()
    const wrong = databaseUrl.replace(/:[^:@/]*@/, ':wrong-password@')
    const attempt = startService({ databaseUrl: wrong, databaseWaitSeconds: 0 })
    await expect(attempt).rejects.toThrow(/password authentication failed|auth failed/i)
  })
})
