/** Tests the bus over Redis with a real server that fails in different ways, and with messages of other senders. */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createPostgresBus } from '../../src/bus/drivers/postgres.ts'
import { generateKey } from '../../src/crypto/fernet.ts'
import { startProxy } from '../chaos/proxy.ts'
import {
  fastClock,
  listening,
  openNotifications,
  openRedisBus,
  type RedisBusOptions,
  redisStats,
  sharedRedis,
  untilRedisWorks
} from '../support/buses.ts'
import { createCertificate } from '../support/certificate.ts'
import { type RedisOptions, startRedis, startRedisWithSentinel } from '../support/redis-server.ts'
import { isAvailable } from '../support/requirements.ts'

const ownRedis = async (options: RedisOptions = {}) => {
  const server = await startRedis(options)
  onTestFinished(() => server.stop())
  return server
}

type Options = Omit<RedisBusOptions, 'instance'>
const openBus = async (options: Options, instance: string) => listening(await openRedisBus({ ...options, instance }))

/** Starts two processes. Waits until Redis works for both or, if `waits` is false, only until both listen. */
const startTwo = async (first: Options, second: Options = first, waits = true) => {
  const instance = randomUUID()
  const [one, two] = [await openBus(first, instance), await openBus(second, instance)]
  if (waits) for (const { bus } of [one, two]) await untilRedisWorks(bus)
  return { one, two, instance }
}

/**
 * Sends an event in each direction, and waits until both have arrived. If a bus reports a reset instead, sends both again,
 * because a bus that reconnects may lose an event. On a busy machine, a bus may reconnect at any time, because `fastClock`
 * shortens its timeouts.
 */
const exchange = async ({ one, two }: Pick<Awaited<ReturnType<typeof startTwo>>, 'one' | 'two'>): Promise<void> => {
  const seen = [one.received.events.length, two.received.events.length] as const
  const resets = () => one.received.resets + two.received.resets
  const before = resets()
  const hasArrived = (): boolean => one.received.events.length > seen[0] && two.received.events.length > seen[1]
  one.bus.publish({ kind: 'alive' })
  two.bus.publish({ kind: 'alive' })
  await expect.poll(() => hasArrived() || resets() > before, { interval: 20 }).toBe(true)
  if (!hasArrived()) await exchange({ one, two })
}

/** Returns the received events that `exchange` does not send. */
const otherEvents = ({ received }: Awaited<ReturnType<typeof startTwo>>['one']) =>
  received.events.filter(({ kind }) => kind !== 'alive')

const fallsBack = (bus: Parameters<typeof redisStats>[0]) =>
  expect.poll(() => redisStats(bus).isFailing, { interval: 20 }).toBe(true)

describe.runIf(isAvailable('redis'))('the bus over Redis', () => {
  test('delivers over PostgreSQL while Redis is killed, and once each', async () => {
    const server = await ownRedis()
    const pair = await startTwo({ server })
    await server.kill()
    for (let seq = 1; seq <= 50; seq++) {
      pair.one.bus.announce(seq, seq)
      pair.one.bus.publish({ kind: 'disconnect', person: String(seq), word: String(seq) })
    }
    await pair.two.until(() => pair.two.received.events.length >= 50)
    await exchange(pair)
    expect(otherEvents(pair.two)).toHaveLength(50)
    expect(pair.two.received.grown).toHaveLength(50)
    expect(redisStats(pair.one.bus).isFailing).toBe(true)
    // Events may be lost between the loss of Redis and the fallback to PostgreSQL, so the process reads everything again.
    await expect.poll(() => pair.two.received.resets, { interval: 20 }).toBe(2)
    await server.start()
    await untilRedisWorks(pair.one.bus)
    await untilRedisWorks(pair.two.bus)
    await exchange(pair)
    // Failed attempts to connect do not count.
    expect(redisStats(pair.one.bus).reconnects).toBe(1)
  })

  test('sends what a stalled Redis did not confirm over PostgreSQL', async () => {
    const server = await ownRedis()
    const pair = await startTwo({ server })
    server.signal('SIGSTOP')
    pair.one.bus.publish({ kind: 'disconnect', person: '1', word: 'w' })
    await pair.two.until(() => pair.two.received.events.length === 1)
    await fallsBack(pair.one.bus)
    expect(redisStats(pair.one.bus).failures).toBeGreaterThan(0)
    server.signal('SIGCONT')
    await untilRedisWorks(pair.one.bus)
    await exchange(pair)
    expect(otherEvents(pair.two)).toHaveLength(1)
  })

  test('is not affected by FLUSHALL, and reconnects after CLIENT KILL', async () => {
    const server = await ownRedis()
    const pair = await startTwo({ server })
    server.command(['flushall'])
    await exchange(pair)
    expect(redisStats(pair.one.bus)).toMatchObject({ isFailing: false, reconnects: 0 })
    server.command(['client', 'kill', 'type', 'normal'])
    server.command(['client', 'kill', 'type', 'pubsub'])
    await fallsBack(pair.one.bus)
    await exchange(pair)
  })

  test('delivers in both directions if only one process reaches Redis', async () => {
    const server = await ownRedis()
    const proxy = await startProxy(server.port)
    onTestFinished(() => proxy.close())
    const pair = await startTwo({ server }, { server: proxy })
    proxy.stall()
    await fallsBack(pair.two.bus)
    await exchange(pair)
    await exchange(pair)
    expect(redisStats(pair.one.bus).isFailing).toBe(false)
    proxy.resume()
    await untilRedisWorks(pair.two.bus)
    await exchange(pair)
  })

  test('falls back if two processes use different servers, as after a failover that only one of them noticed', async () => {
    const pair = await startTwo({ server: await ownRedis() }, { server: await ownRedis() })
    await fallsBack(pair.one.bus)
    await fallsBack(pair.two.bus)
    await exchange(pair)
  })

  test('delivers during the failover of a Sentinel, and uses the new primary afterwards', async () => {
    const redis = await startRedisWithSentinel()
    onTestFinished(() => redis.stop())
    const failures: unknown[] = []
    const pair = await startTwo({ ...redis.settings, failures })
    await exchange(pair)
    let isOver = false
    const failedOver = redis.failOver().then(() => {
      isOver = true
    })
    let count = 0
    while (!isOver || count === 0) {
      await exchange(pair)
      pair.one.bus.announce(1, ++count)
      pair.one.bus.publish({ kind: 'disconnect', person: '1', word: String(count) })
    }
    await failedOver
    await pair.two.until(() => pair.two.received.grown.some(([, seq]) => seq === count))
    const seqs = pair.two.received.grown.map(([, seq]) => seq)
    expect(seqs).toEqual([...new Set(seqs)].sort((one, other) => one - other))
    const events = otherEvents(pair.two).map(event => JSON.stringify(event))
    expect(events).toHaveLength(new Set(events).size)
    expect(failures.length).toBeGreaterThan(0)

    for (const { bus } of [pair.one, pair.two]) await untilRedisWorks(bus)
    expect(redis.command(['client', 'list']).match(/name=fastify-chat/g)).toHaveLength(4)
    await exchange(pair)
    expect(redisStats(pair.one.bus)).toMatchObject({ isFailing: false })
  })

  test('drops forged and replayed messages and those of another prefix, and counts them', async () => {
    const server = await sharedRedis()
    const { one, two, instance } = await startTwo({ server, losesPayloads: () => true })
    const channel = server.command(['pubsub', 'channels', 'test:*']).split('\n').at(-1) ?? ''
    const stranger = await openBus({ server, prefix: 'other' }, instance)
    await untilRedisWorks(stranger.bus)
    const recorder = new Redis({ port: server.port })
    onTestFinished(() => recorder.disconnect())
    const recorded: string[] = []
    recorder.on('message', (_, message) => recorded.push(message))
    await recorder.subscribe(channel)
    one.bus.announce(1, 5)
    one.bus.publish({ kind: 'disconnect', person: '1', word: 'w' })
    await two.until(() => two.received.grown.length === 1 && two.received.events.length === 1)
    await expect.poll(() => recorded.filter(message => /grown|disconnect/.test(message)).length).toBe(2)
    const before = redisStats(two.bus).dropped
    const forged = `${'A'.repeat(43)} ${Date.now()} {"from":"x","n":1,"grown":[[1,9]]}`
    const messages = [forged, '{"from":"x","grown":[[1,9]]}', 'nothing', ...recorded]
    for (const message of messages) server.command(['publish', channel, message])
    await expect
      .poll(() => redisStats(two.bus).dropped, { interval: 20 })
      .toBeGreaterThanOrEqual(before + messages.length)
    stranger.bus.announce(1, 9)
    one.bus.announce(1, 6)
    await two.until(() => two.received.grown.length === 2)
    expect(two.received.grown).toEqual([
      [1, 5],
      [1, 6]
    ])
    expect(two.received.events).toHaveLength(1)
  })

  test('accepts messages of processes that encrypt with another of its keys, and falls back without a common key', async () => {
    const server = await sharedRedis()
    const [first, second] = [generateKey(), generateKey()]
    const rotating = await startTwo(
      { server, encryptionKeys: [second, first], losesPayloads: () => true },
      { server, encryptionKeys: [first, second], losesPayloads: () => true }
    )
    await exchange(rotating)
    const strangers = await startTwo({ server, encryptionKeys: [first] }, { server, encryptionKeys: [second] })
    await fallsBack(strangers.one.bus)
    await exchange(strangers)
  })

  test('starts without Redis, with a wrong password and with a server that accepts no more clients', async () => {
    const server = await ownRedis({ config: ['requirepass right', 'maxclients 8'] })
    const failures: unknown[] = []
    const url = `redis://:wrong-secret@127.0.0.1:${server.port}`
    const wrong = await startTwo({ url, failures }, { url, failures }, false)
    await exchange(wrong)
    await expect.poll(() => failures.length, { interval: 20 }).toBeGreaterThan(0)
    expect(failures.map(error => String(Object(error).message)).join()).not.toContain('wrong-secret')
    expect(redisStats(wrong.one.bus).isFailing).toBe(true)
    const auth = ['--no-auth-warning', '-a', 'right']
    server.command(['config', 'set', 'requirepass', 'wrong-secret'], auth)
    server.command(['config', 'set', 'maxclients', '1'], ['--no-auth-warning', '-a', 'wrong-secret'])
    await exchange(wrong)
    await server.kill()
    await server.start()
    const again = await startTwo({ url: `redis://:right@127.0.0.1:${server.port}` }, undefined, true)
    await exchange(again)
  })

  test('connects with rediss:// to a server whose certificate authority is given, and to no other', async () => {
    const { key, cert } = createCertificate()
    const tls = ['tls-cert-file cert.pem', 'tls-key-file key.pem', 'tls-auth-clients no', 'tls-ca-cert-file cert.pem']
    const server = await ownRedis({ isSecure: true, files: { 'key.pem': key, 'cert.pem': cert }, config: tls })
    const url = `rediss://127.0.0.1:${server.port}`
    await exchange(await startTwo({ url, ca: cert, losesPayloads: () => true }))
    const failures: unknown[] = []
    const unknown = await startTwo({ url, failures }, { url, failures }, false)
    await expect.poll(() => failures.length, { interval: 20 }).toBeGreaterThan(0)
    expect(redisStats(unknown.one.bus).isFailing).toBe(true)
    await exchange(unknown)
  })

  test('uses PostgreSQL too until a rolling upgrade is finished', async () => {
    const server = await sharedRedis()
    const instance = randomUUID()
    const one = await openBus({ server, isUpgradeFinished: () => false }, instance)
    const heard: string[] = []
    const channel = String((await (await openRedisBus({ server, instance })).announcement?.(1, 1))?.channel)
    const { end } = await (await openNotifications()).listen(
      channel,
      payload => heard.push(payload),
      () => {}
    )
    onTestFinished(end)
    await untilRedisWorks(one.bus)
    one.bus.announce(7, 7)
    await expect.poll(() => heard.join(), { interval: 20 }).toContain('[[7,7]]')
  })

  test('reaches a process without Redis as long as it runs', async () => {
    const server = await sharedRedis()
    const instance = randomUUID()
    const database = await openNotifications()
    const one = await openBus({ server }, instance)
    const two = await listening(createPostgresBus({ database, instance: async () => [instance], clock: fastClock }))
    await untilRedisWorks(one.bus)
    // For 15 s after its start, the first process sends over PostgreSQL even if no process needs it. Waits until this time has
    // passed.
    const startedAt = fastClock.monotonic()
    await expect.poll(() => fastClock.monotonic() - startedAt, { interval: 50 }).toBeGreaterThan(16_000)
    one.bus.announce(1, 1)
    await exchange({ one, two })
    expect(two.received.grown).toEqual([[1, 1]])
  })

  test('works for a user with the rights of docs/operations.md', async () => {
    const rights = 'resetchannels &test:* +publish +subscribe +info +client|setname +auth +hello'
    const server = await ownRedis({ config: [`user chat on >secret ${rights}`, 'user default off'] })
    const url = `redis://chat:secret@127.0.0.1:${server.port}`
    await exchange(await startTwo({ url, losesPayloads: () => true }))
  })
})
