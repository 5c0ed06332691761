/**
 * Measures what processes, messages, deliveries and connections cost with 1, 2 and 4 processes, over PostgreSQL and over Redis.
 * All processes share one core, so additional processes do not raise the throughput. The CPU time per message shows what each
 * additional process costs. docs/scaling.md uses the results.
 */

import { startRedis } from '../support/redis-server.ts'
import { isAvailable } from '../support/requirements.ts'
import { closeAll, connectMany, framesOf } from './clients.ts'
import { beginCost, type Cost, type Installation } from './cost.ts'
import { createBenchDatabase } from './database.ts'
import { TEXT } from './load.ts'
import type { RawClient } from './raw-client.ts'
import { type Effort, pause, percentile, type Row } from './rows.ts'
import { startService } from './service.ts'

const PROCESSES = [1, 2, 4]
/** Each room has one sender and this number of readers, who are divided among the processes. */
const READERS = 20
const ROOMS = 20
const PER_SECOND = 100
const IN_FLIGHT = 5
const IDLE_SECONDS = 4
const ROUNDS = 2
const SECONDS = 3
/**
 * Time to wait after the last process was started, in milliseconds. During this time, processes with Redis also send their
 * notifications over PostgreSQL. See `WANTED_MS` in src/bus/redis/wanted.ts.
 */
const BOTH_MS = 16_000
/** Time in milliseconds until the service has announced all users who have joined. */
const JOINED_MS = 6000
const CONNECTIONS = 5000
/** Interval in seconds at which the service pings each connection. */
const PINGS_SECONDS = 25
const FRAME = JSON.stringify({ type: 'message', content: TEXT, ref: 'r' })

/** The readers of each room. */
type Readers = readonly (readonly RawClient[])[]

/** The results of an installation. Each array has one value per run. */
interface Results {
  readonly values: Map<string, number[]>
  add(name: string, ...values: number[]): void
}

const createResults = (): Results => {
  const values = new Map<string, number[]>()
  return { values, add: (name, ...more) => void values.set(name, [...(values.get(name) ?? []), ...more]) }
}

const nameOf = (room: number): string => `room-${room}`

const install = async (count: number, isRedis: boolean): Promise<Installation> => {
  const database = await createBenchDatabase()
  const redis = isRedis ? await startRedis() : undefined
  const env = redis ? { REDIS_URL: `redis://127.0.0.1:${redis.port}` } : {}
  const services = [await startService(database, { people: ROOMS, env })]
  while (services.length < count) services.push(await startService(database, { env }))
  await database.sql`insert into rooms (name) select 'room-' || n from generate_series(0, ${ROOMS - 1}::int) as n`
  if (redis) await pause(BOTH_MS)
  return { database, services, redis }
}

/** Connects one client per room, to the processes in turn. */
const connectTo = async ({ services }: Installation, offset: number, isReader: boolean): Promise<RawClient[]> => {
  const tokens = services[0]?.tokens ?? []
  let room = 0
  const clients = await connectMany(ROOMS, () => {
    const at = room++
    const service = services[(at + offset) % services.length]
    if (!service) throw new Error('no service')
    return service.open(tokens[at] ?? '', isReader ? `rooms=${nameOf(at)}` : 'rooms=')
  })
  for (const client of clients) client.onlyMessages = isReader
  return clients
}

const connectReaders = async (installation: Installation): Promise<Readers> => {
  const rounds: RawClient[][] = []
  while (rounds.length < READERS) rounds.push(await connectTo(installation, rounds.length, true))
  await pause(JOINED_MS)
  return Array.from({ length: ROOMS }, (_, room) => rounds.map(clients => clients[room] as RawClient))
}

const messageTo = (room: number): string => JSON.stringify({ ...JSON.parse(FRAME), room: nameOf(room) })

/**
 * Adds the CPU time per message in µs to the results. First subtracts the CPU time that the idle installation uses in the same
 * time.
 */
const addCost = (
  results: Results,
  load: string,
  cost: Cost,
  messages: number,
  idle: Cost,
  forSeconds: number
): void => {
  for (const part of ['services', 'database', 'redis'] as const) {
    results.add(`CPU per message, ${load}: ${part}`, (cost[part] - idle[part] * forSeconds) / messages)
  }
}

/** Sends messages to the rooms in turn, at a steady rate, whether or not earlier ones have arrived. */
const sendSteadily = async (
  installation: Installation,
  senders: readonly RawClient[],
  readers: Readers,
  forSeconds: number
) => {
  const sentAt: number[][] = Array.from({ length: ROOMS }, () => [])
  const delays = { same: [] as number[], other: [] as number[] }
  for (const [room, clients] of readers.entries()) {
    for (const [at, client] of clients.entries()) {
      // A room has one sender, so its n-th received message is the n-th sent message.
      let count = 0
      const { length } = installation.services
      const all = at % length === 0 ? delays.same : delays.other
      client.onFrames = more => {
        const now = performance.now()
        for (let times = 0; times < more; times++) all.push(now - (sentAt[room]?.[count++] ?? now))
      }
    }
  }
  const before = framesOf(senders)
  const costSince = await beginCost(installation)
  const began = performance.now()
  const messages = forSeconds * PER_SECOND
  for (let at = 0; at < messages; at++) {
    // The pause is random, so that the messages do not coincide with a timer of the service.
    await pause(began + ((at + Math.random()) * 1000) / PER_SECOND - performance.now())
    const room = at % ROOMS
    sentAt[room]?.push(performance.now())
    senders[room]?.send(messageTo(room))
  }
  const deliveries = messages * readers.reduce((sum, clients) => sum + clients.length / ROOMS, 0)
  const arrived = () => delays.same.length + delays.other.length
  while (framesOf(senders) - before < messages || arrived() < deliveries) {
    if (performance.now() - began > (forSeconds + 15) * 1000) throw new Error(`${arrived()} of ${deliveries} arrived`)
    await pause(5)
  }
  const took = (performance.now() - began) / 1000
  return { cost: await costSince(), delays, messages, took }
}

/** Sends messages to all rooms. Each acknowledgement triggers the next message of its sender. */
const saturate = async (
  installation: Installation,
  senders: readonly RawClient[],
  readers: Readers,
  forSeconds: number
) => {
  let isOver = false
  for (const [room, sender] of senders.entries()) {
    const frame = messageTo(room)
    sender.onFrames = count => {
      if (!isOver) sender.send(...Array.from({ length: count }, () => frame))
    }
    sender.send(...Array.from({ length: IN_FLIGHT }, () => frame))
  }
  await pause(700)
  const all = readers.flat()
  const before = { acks: framesOf(senders), deliveries: framesOf(all), at: performance.now() }
  const costSince = await beginCost(installation)
  await pause(forSeconds * 1000)
  const took = (performance.now() - before.at) / 1000
  const messages = framesOf(senders) - before.acks
  const deliveries = framesOf(all) - before.deliveries
  const cost = await costSince()
  isOver = true
  for (const sender of senders) sender.onFrames = () => {}
  // Waits until all messages are acknowledged and delivered.
  let frames = -1
  while (frames < framesOf(all)) {
    frames = framesOf(all)
    await pause(1000)
  }
  return { cost, took, messages, deliveries }
}

const measure = async (count: number, isRedis: boolean, rounds: number, forSeconds: number): Promise<Results> => {
  const results = createResults()
  const installation = await install(count, isRedis)
  const { services, database, redis } = installation
  results.add('resident memory of a process without clients', ...(await Promise.all(services.map(one => one.memory()))))
  results.add('open files of a process without clients', ...services.map(one => one.openFiles()))

  const idleSince = await beginCost(installation)
  await pause(IDLE_SECONDS * 1000)
  const all = await idleSince()
  const idle: Cost = {
    services: all.services / IDLE_SECONDS,
    database: all.database / IDLE_SECONDS,
    redis: all.redis / IDLE_SECONDS
  }
  for (const part of ['services', 'database'] as const) {
    results.add(`CPU of an idle process: ${part}`, idle[part] / count / 1000)
  }

  const senders = await connectTo(installation, 0, false)
  // Waits for the first frame of each connection. The code below treats every later frame as an acknowledgement.
  await pause(500)
  for (let round = 0; round < rounds; round++) {
    const { cost, messages, took } = await sendSteadily(installation, senders, [], forSeconds)
    addCost(results, 'without readers', cost, messages, idle, took)
  }
  const readers = await connectReaders(installation)
  for (let round = 0; round < rounds; round++) {
    const { cost, messages, took, delays } = await sendSteadily(installation, senders, readers, forSeconds)
    addCost(results, `with ${READERS} readers`, cost, messages, idle, took)
    results.add('send to arrival at the process of the sender, p50', percentile(delays.same, 0.5))
    if (count > 1) results.add('send to arrival at other processes, p50', percentile(delays.other, 0.5))
  }
  for (const client of readers.flat()) client.onFrames = () => {}
  for (let round = 0; round < rounds; round++) {
    const { cost, messages, took, deliveries } = await saturate(installation, senders, readers, forSeconds)
    addCost(results, `with ${READERS} readers, saturated`, cost, messages, idle, took)
    results.add('acknowledged messages, saturated', messages / took)
    results.add('deliveries, saturated', deliveries / took)
  }
  const connections = await database.sql`select count(*)::int as count from pg_stat_activity
    where datname = current_database() and application_name like 'fastify-chat%'`
  results.add('database connections of a process', connections[0]?.count / count)
  closeAll(senders)
  closeAll(readers.flat())
  for (const service of services) await service.kill()
  await redis?.stop()
  await database.drop()
  return results
}

/** Measures the CPU time for opening a connection and for keeping it open, and the memory of an open connection. */
const measureConnections = async (): Promise<Row[]> => {
  const installation = await install(1, false)
  const [service] = installation.services
  if (!service) throw new Error('no service')
  const memoryBefore = await service.memory()
  const openingSince = await beginCost(installation)
  let at = 0
  const clients = await connectMany(CONNECTIONS, () =>
    service.open(service.tokens[at % ROOMS] ?? '', `rooms=${nameOf(at++ % ROOMS)}`)
  )
  const opening = await openingSince()
  await pause(JOINED_MS)
  const keepingSince = await beginCost(installation)
  await pause(PINGS_SECONDS * 1000)
  const keeping = await keepingSince()
  const memory = ((await service.memory()) - memoryBefore) / CONNECTIONS
  closeAll(clients)
  await service.kill()
  await installation.database.drop()
  const of = `of ${CONNECTIONS.toLocaleString('en')} connections of ${ROOMS} users`
  const row = (title: string, cost: Cost, times: number): Row => ({
    title: `${title}, ${of}`,
    unit: 'µs',
    runs: new Map([
      ['PostgreSQL', [cost.database / times]],
      ['fastify-chat', [cost.services / times]]
    ])
  })
  return [
    row('CPU for opening a connection', opening, CONNECTIONS),
    row('CPU of an idle connection per minute', keeping, (CONNECTIONS * PINGS_SECONDS) / 60),
    { title: `memory of an idle connection, ${of}`, unit: 'bytes', runs: new Map([['fastify-chat', [memory]]]) }
  ]
}

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/^CPU per message/, 'µs'],
  [/^CPU of an idle process/, 'ms per second'],
  [/arrival/, 'ms'],
  [/memory/, 'bytes'],
  [/saturated/, 'per second'],
  [/./, '']
]

const unitOf = (name: string): string => UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? ''

export const scaling = async ({ isShort }: Effort): Promise<Row[]> => {
  const rows = new Map<string, Map<string, number[]>>()
  for (const isRedis of isAvailable('redis') ? [false, true] : [false]) {
    for (const count of PROCESSES) {
      const subject = `${count} ${count === 1 ? 'process' : 'processes'}, ${isRedis ? 'Redis' : 'PostgreSQL'}`
      const { values } = await measure(count, isRedis, ROUNDS, isShort ? 1 : SECONDS)
      for (const [name, all] of values) rows.set(name, (rows.get(name) ?? new Map()).set(subject, all))
    }
  }
  return [
    ...[...rows].map(([title, runs]): Row => ({ title, unit: unitOf(title), runs })),
    ...(isShort ? [] : await measureConnections())
  ]
}
