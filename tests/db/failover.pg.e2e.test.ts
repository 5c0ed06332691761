/** Tests a failover to a read-only server and back, behind a proxy that redirects new connections. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { createServer } from '../../src/server.ts'
import { type Cluster, type Standby, startCluster } from '../chaos/cluster.ts'
import { type FaultProxy, startProxy } from '../chaos/proxy.ts'
import { binaries, describeWithCluster } from '../support/own-cluster.ts'
import { testSettings } from '../support/settings.ts'
import { type Person, type RunningChat, startChat } from '../support/start-chat.ts'

/**
 * Time in milliseconds after which the pool closes an idle connection. If the pool does not replace its connections, they stay
 * connected to the standby for at least this time. A write that succeeds earlier shows that the pool replaced its connections.
 */
const IDLE_CLOSED_MS = 60_000

describeWithCluster('a failover', () => {
  let primary: Cluster
  let standby: Standby
  let proxy: FaultProxy
  const url = (port: number) => `postgres://postgres@127.0.0.1:${port}/postgres`

  beforeAll(async () => {
    primary = await startCluster(binaries)
    const client = await openClient({ url: url(primary.port), poolMax: 1 })
    await migrateUp(client, 'chat')
    await client.close()
    standby = await primary.standby()
    proxy = await startProxy(primary.port)
  }, 300_000)

  afterAll(() => {
    proxy?.close()
    standby?.stop()
    primary?.stop()
  })

  const start = async (): Promise<{ chat: RunningChat; john: Person }> => {
    proxy.redirect(primary.port)
    const client = await openClient({ url: url(proxy.port), poolMax: 10 })
    const chat = await startChat({ database: createDatabase(client, 'chat'), settings: { messageRateLimit: 0 } })
    onTestFinished(() => client.close())
    const john = await chat.register(`john_${Math.random().toString(36).slice(2)}`)
    return { chat, john }
  }

  const post = (chat: RunningChat, { token }: Person, content: string) =>
    chat.call('POST', '/api/chat/rooms/general/messages', {
      token,
      body: { content },
      headers: { 'idempotency-key': content }
    })

  /** Sends a message repeatedly until it is stored. */
  const stored = (chat: RunningChat, john: Person, content: string) =>
    expect
      .poll(async () => (await post(chat, john, content)).status, { timeout: IDLE_CLOSED_MS / 2, interval: 100 })
      .toBeLessThan(300)

  const contents = async (chat: RunningChat, { token }: Person): Promise<string[]> => {
    const { body } = await chat.call('GET', '/api/chat/messages?limit=1000', { token })
    return body.map(({ content }: { content: string }) => content)
  }

  test.each(['read-write', 'primary'])('connects to the primary with target_session_attrs=%s', async attributes => {
    const hosts = `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`
    const list = `postgres://postgres@${hosts}/postgres?target_session_attrs=${attributes}`
    const client = await openClient({ url: list, poolMax: 1 })
    onTestFinished(() => client.close())
    expect(await client.query('select pg_is_in_recovery() as "isStandby"')).toEqual([{ isStandby: false }])
  })

  test('replaces connections to a standby as soon as the primary is reachable, and loses no message', async () => {
    const { chat, john } = await start()
    expect((await post(chat, john, 'before')).status).toBe(201)
    proxy.redirect(standby.port)
    proxy.cut()
    // The pool reconnects to the standby, which accepts only reads.
    await expect.poll(async () => (await chat.call('GET', '/health')).body.checks.database).toBe('read_only')
    const registered = await chat.call('POST', '/api/auth/register', {
      body: { username: 'jane', password: 'SecurePass123' }
    })
    expect(registered).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(registered.headers.get('retry-after')).not.toBeNull()
    expect(await chat.call('GET', '/api/chat/rooms', { token: john.token })).toMatchObject({ status: 200 })
    await expect
      .poll(() => chat.call('GET', '/health/ready'))
      .toMatchObject({ status: 503, body: { checks: { database: 'read_only', serving: 'not_ready' } } })
    // From here on, the proxy closes no connections, so a connection to the standby stays open until the pool replaces it.
    const during = post(chat, john, 'during')
    proxy.redirect(primary.port)
    await stored(chat, john, 'after')
    expect((await during).status).toBe(201)
    await expect.poll(async () => (await chat.call('GET', '/health/ready')).status).toBe(200)
    expect(await contents(chat, john)).toEqual(expect.arrayContaining(['before', 'during', 'after']))
    const again = await chat.register('jane')
    expect(again.token).toBeTypeOf('string')
    // The service logs the failure once per interval, not once per request.
    expect(chat.log().match(/an append failed/g)?.length ?? 0).toBeLessThan(20)
  }, 300_000)

  test('lets the service start on a read-only server without pending migrations, and write after the promotion', async () => {
    const { server, lines } = await startOn(url(standby.port))
    expect((await server.inject('/health/ready')).json()).toMatchObject({ checks: { database: 'read_only' } })
    expect(lines.join('')).not.toMatch(/CREATE/i)
    standby.promote()
    await expect.poll(async () => (await server.inject('/health/ready')).statusCode).toBe(200)
    const payload = { username: 'promoted', password: 'SecurePass123' }
    const registered = await server.inject({ method: 'POST', url: '/api/auth/register', payload })
    expect(registered.statusCode).toBe(201)
  }, 300_000)

  test('causes an error with advice if migrations are pending on a read-only server', async () => {
    const client = await openClient({ url: url(primary.port), poolMax: 1 })
    onTestFinished(() => client.close())
    await client.query(`alter database postgres set default_transaction_read_only = on`)
    const readOnly = await openClient({ url: url(primary.port), poolMax: 1 })
    onTestFinished(() => readOnly.close())
    await expect(migrateUp(readOnly, 'other')).rejects.toThrow(/Migrations are pending .* `fastify-chat migrate up`/)
    expect(await migrateUp(readOnly, 'chat')).toEqual([])
    await client.query(`alter database postgres reset default_transaction_read_only`)
  }, 300_000)
})

/** Starts a service that applies migrations when it starts. */
const startOn = async (databaseUrl: string) => {
  const lines: string[] = []
  const settings = testSettings({ databaseUrl, databaseSchema: 'chat', audience: 'chat', migrateOnStart: true })
  const server = await createServer({ settings, logTo: { write: line => lines.push(line) } })
  onTestFinished(() => server.close())
  await server.ready()
  return { server, lines }
}
