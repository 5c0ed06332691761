/** Tests databases and roles for which an administrator has set unusual defaults, over every kind of connection. */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { exercise, startService } from '../support/exercise.ts'
import { startPgbouncer } from '../support/pgbouncer.ts'
import { isAvailable } from '../support/requirements.ts'

const DEFAULTS: Record<string, string> = {
  default_transaction_isolation: `'serializable'`,
  default_transaction_deferrable: 'on',
  datestyle: `'German, DMY'`,
  intervalstyle: `'sql_standard'`,
  timezone: `'Asia/Kathmandu'`,
  extra_float_digits: '-15',
  array_nulls: 'off',
  bytea_output: `'escape'`,
  standard_conforming_strings: 'off',
  backslash_quote: 'off',
  transform_null_equals: 'on',
  search_path: `'nowhere'`,
  // These timeouts are shorter than those of the service. They are long enough for the statements that the service executes
  // before it sets its own timeouts.
  statement_timeout: '5000',
  lock_timeout: '4000',
  idle_in_transaction_session_timeout: '3000',
  synchronous_commit: 'off',
  plan_cache_mode: 'force_custom_plan',
  enable_indexscan: 'off',
  jit: 'on',
  row_security: 'off',
  client_min_messages: `'debug1'`,
  lc_messages: `'C'`,
  xmloption: `'document'`
}

/** Creates a database and a role, and sets the defaults for one of the two. */
const createDefaults = async (of: 'database' | 'role', more: Record<string, string> = {}) => {
  const name = `chat_defaults_${randomBytes(6).toString('hex')}`
  const admin = postgres(inject('testListenUrl'), { max: 1, onnotice: () => {} })
  await admin.unsafe(`create role ${name} login superuser`)
  await admin.unsafe(`create database ${name}`)
  for (const [setting, value] of Object.entries({ ...DEFAULTS, ...more })) {
    await admin.unsafe(`alter ${of} ${name} set ${setting} to ${value}`)
  }
  onTestFinished(async () => {
    await admin.unsafe(`drop database ${name} with (force)`)
    await admin.unsafe(`drop role ${name}`)
    await admin.end({ timeout: 1 })
  })
  const url = new URL(inject('testListenUrl'))
  url.username = name
  url.pathname = `/${name}`
  return { databaseUrl: url.href, databaseSchema: 'chat' }
}

const expectNoErrors = (log: string): void => {
  expect(log.match(/"level":[56]0.*/g)).toBeNull()
}

describe('with an administrator’s defaults', () => {
  test.each(['database', 'role'] as const)('of a %s, the whole service works', async of => {
    // The service must override this timeout. If it does not, the server closes the idle listening connection after a second, and
    // the log contains errors.
    const service = await startService(await createDefaults(of, { idle_session_timeout: '1000' }))
    await exercise(service, 'john')
    expectNoErrors(service.log())
  })

  test.runIf(isAvailable('pgbouncer'))('the whole service works through a pooler in transaction mode', async () => {
    const { databaseUrl, databaseSchema } = await createDefaults('database')
    const pgbouncer = await startPgbouncer(databaseUrl, { mode: 'transaction' })
    onTestFinished(pgbouncer.stop)
    const service = await startService({ databaseUrl: pgbouncer.url, databaseSchema })
    await exercise(service, 'john')
    expectNoErrors(service.log())
  })

  test.each([
    ['as it is', {}],
    ['without types, prepared statements or a second connection', { fetch_types: false, prepare: false, max: 1 }]
  ])('the whole service works with a host application’s client %s', async (_, options) => {
    const { databaseUrl, databaseSchema } = await createDefaults('database')
    const sql = postgres(databaseUrl, { onnotice: () => {}, ...options })
    onTestFinished(() => sql.end({ timeout: 1 }))
    // The host opens a connection before the service uses the client. This connection has the administrator's defaults.
    await sql`select 1`
    const service = await startService({ databaseUrl: '', databaseSchema, migrateOnStart: true }, sql)
    await exercise(service, 'john')
    expectNoErrors(service.log())
    const [row] = await sql`select current_setting('default_transaction_isolation') as isolation`
    expect(row).toEqual({ isolation: 'serializable' })
  })

  test('commits of the service are synchronous even if the default is asynchronous', async () => {
    const { databaseUrl } = await createDefaults('database')
    const client = await openClient({ url: databaseUrl, poolMax: 10 })
    onTestFinished(() => client.close())
    expect(await client.query(`select current_setting('synchronous_commit') as s`)).toEqual([{ s: 'on' }])
  })

  test('the service’s client has the timeouts that it needs', async () => {
    const { databaseUrl } = await createDefaults('role')
    const client = await openClient({ url: databaseUrl, poolMax: 10 })
    onTestFinished(() => client.close())
    const shown = `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock`
    expect(await client.query(shown)).toEqual([{ statement: '10s', lock: '8s' }])
  })
})
