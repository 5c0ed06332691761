/**
 * Tests that the end of a session closes the session's connections on a process that receives no notifications. The process's
 * listening connection is blackholed, or leads to a transaction pooler.
 */
import { expect, onTestFinished, test } from 'vitest'
import { startProxy } from '../chaos/proxy.ts'
import { startBuilt } from '../support/built-service.ts'
import { testDatabaseUrl, testSchema } from '../support/database.ts'
import { startPgbouncer } from '../support/pgbouncer.ts'
import { isAvailable } from '../support/requirements.ts'
import { createSessionEnds } from '../support/session-ends.ts'

/**
 * Maximum time in milliseconds until a connection is closed: five polls of the change feed (src/chat/log/change-feed.ts). Without
 * these polls, the service would close the connection only at its look-up of all connected users, which runs every 20 s.
 */
const MAX_MS = 10_000
const ENDED = 3

/** Starts processes with these settings on a new schema. Returns their URLs. */
const startAll = async (...settings: Record<string, string>[]): Promise<string[]> => {
  const schema = await testSchema()
  const urls: string[] = []
  for (const one of settings) urls.push((await startBuilt({ DATABASE_SCHEMA: schema, ...one })).url)
  return urls
}

/** Ends sessions at the process `here`. Expects each of their connections to the process `there` to be closed in time. */
const expectClosed = async (here: string, there: string): Promise<void> => {
  const ends = await createSessionEnds(here, 'john')
  for (let at = 0; at < ENDED; at++) expect(await ends.measure(here, there)).toBeLessThan(MAX_MS)
}

test('a process whose listening connection is blackholed closes the connections of ended sessions', async () => {
  const direct = await testDatabaseUrl()
  const proxy = await startProxy(Number(new URL(direct).port))
  onTestFinished(() => proxy.close())
  const proxied = new URL(direct)
  proxied.port = String(proxy.port)
  const [cut = '', other = ''] = await startAll(
    { DATABASE_URL: direct, DATABASE_LISTEN_URL: proxied.href },
    { DATABASE_URL: direct }
  )
  proxy.stall()
  await expectClosed(other, cut)
})

test.runIf(isAvailable('pgbouncer')).for([
  ['behind it, without DATABASE_LISTEN_URL', 'on a direct connection', [true, false]],
  ['on a direct connection', 'behind it, without DATABASE_LISTEN_URL', [false, true]],
  ['behind it, without DATABASE_LISTEN_URL', 'also behind it', [true, true]]
] as const)(
  'with PgBouncer in transaction mode, a session that ends at a process %s closes its connections to one %s',
  async ([, , arePooled]) => {
    const direct = await testDatabaseUrl()
    const pgbouncer = await startPgbouncer(direct, { mode: 'transaction' })
    onTestFinished(pgbouncer.stop)
    const [here = '', there = ''] = await startAll(
      ...arePooled.map(isPooled => ({ DATABASE_URL: isPooled ? pgbouncer.url : direct }))
    )
    await expectClosed(here, there)
  }
)
