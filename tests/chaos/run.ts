/**
 * Injects random faults into two service processes and a separate PostgreSQL cluster, while clients use every kind of entry and
 * every rule of rooms: `npm run test:chaos -- --seed N --minutes M`. `--redis` adds Redis and its faults. `--sentinel` adds Redis
 * behind a Sentinel. A seed determines the random numbers, but their use depends on timing. So a run with the same seed is
 * similar, but not the same. If a guarantee was violated, the program prints the violations and exits with 1.
 */
import { parseArgs } from 'node:util'
import { generateKey } from '../../src/crypto/fernet.ts'
import { freePort } from '../support/free-port.ts'
import { checkEnd } from './check-end.ts'
import { type ChaosClient, createClient } from './client.ts'
import { findBinaries, startCluster } from './cluster.ts'
import { createFaults, wait } from './faults.ts'
import { createGovernor } from './governor.ts'
import { registerUser } from './http.ts'
import { startChaosRedis, startChaosSentinel } from './redis.ts'
import type { RulesOptions } from './rules.ts'
import { createService } from './service.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '2' },
    clients: { type: 'string', default: '12' },
    redis: { type: 'boolean', default: false },
    sentinel: { type: 'boolean', default: false }
  }
})
/** How many violations of each kind are printed. */
const OF_A_KIND = 10
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
const minutes = Number(values.minutes)
const print = (text: string) => process.stdout.write(`${text}\n`)

/** Returns a seeded random number generator (Mulberry32). */
const randomOf = (start: number) => {
  let state = start
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const binaries = findBinaries()
if (!binaries) {
  print(
    '*** SKIPPED: the chaos run needs the PostgreSQL server binaries. On Debian, run apt-get install postgresql. ***'
  )
  process.exit(process.env.CI === 'true' ? 1 : 0)
}

print(`chaos: seed ${seed}, ${minutes} minutes`)
const random = randomOf(seed)
const cluster = await startCluster(binaries)
const keys = { secretKey: generateKey(), encryptionKey: generateKey() }
const startRedis = values.sentinel ? startChaosSentinel : values.redis ? startChaosRedis : undefined
const redis = await startRedis?.(2, random, wait)
const services = [
  await createService(await freePort(), cluster.port, keys, redis?.environments[0]),
  await createService(await freePort(), cluster.port, keys, redis?.environments[1])
]
for (const service of services) service.start()
const urls = services.map(({ url }) => url)
const isReady = async (url: string) =>
  (await fetch(`${url}/health`, { signal: AbortSignal.timeout(3000) }).catch(() => undefined))?.ok ?? false
const allReady = async () => (await Promise.all(urls.map(isReady))).every(Boolean)
while (!(await allReady())) await wait(200)

const users = []
for (let at = 0; at < Number(values.clients); at++) users.push(await registerUser(urls, `client-${at}`))
const [owner, second, moderator, ...others] = users
if (!owner || !second || !moderator) throw new Error('The chaos run needs at least three clients.')
const owners = new Map([[owner.id, 'owner' as const]])
const publicRoom = (await owner.call(0, 'POST', '/api/chat/rooms', { room: 'team' })).body.room
const privateRoom = (await owner.call(0, 'POST', '/api/chat/rooms', { visibility: 'private' })).body.room
for (const room of [publicRoom, privateRoom]) {
  await owner.call(0, 'PUT', `/api/chat/rooms/${room}/members/${second.id}`, { role: 'owner' })
  await owner.call(0, 'PUT', `/api/chat/rooms/${room}/members/${moderator.id}`, { role: 'moderator' })
  for (const { id } of others) await owner.call(0, 'PUT', `/api/chat/rooms/${room}/members/${id}`)
}
const rooms = new Map<string, RulesOptions>([
  ['general', { visibility: 'public', roles: new Map() }],
  [publicRoom, { visibility: 'public', roles: owners }],
  [privateRoom, { visibility: 'private', roles: owners }]
])

const clients: ChaosClient[] = users.map(({ name, id, logIn }, at) =>
  createClient({ name, userId: id, urls, isV1: at % 2 === 1, logIn, random: randomOf(seed + at + 1) })
)
for (const client of clients) for (const room of rooms.keys()) client.subscribe(room)
const governor = createGovernor({
  users,
  publicRoom,
  privateRoom,
  random: randomOf(seed + 1000),
  onDirect(room, people) {
    rooms.set(room, { visibility: 'direct', roles: new Map(people.map(id => [id, 'member' as const])) })
    // A client may subscribe to 128 rooms, but a few direct rooms are enough.
    for (const client of clients) if (people.includes(client.userId) && client.readers.size < 8) client.subscribe(room)
  }
})

const faults = { ...createFaults({ cluster, clients, random }), ...redis?.faults }
const counts = new Map<string, number>()
const endsAt = Date.now() + minutes * 60_000
const sending = setInterval(() => {
  for (const client of clients) if (random() < 0.4) client.send()
}, 50)
const governing = setInterval(() => void governor.act(), 150)
while (Date.now() < endsAt) {
  await wait(500 + random() * 2500)
  const names = Object.keys(faults)
  const name = names[Math.floor(random() * names.length)] ?? ''
  const service = services[Math.floor(random() * services.length)]
  counts.set(name, (counts.get(name) ?? 0) + 1)
  if (service) await faults[name]?.(service)
}
clearInterval(sending)
clearInterval(governing)

// Ends all faults. Every client must then reach the end of each room that it may read.
redis?.heal()
for (const service of services) {
  service.proxy.resume()
  service.signal('SIGCONT')
  if (!service.isUp) service.start()
}
while (!(await allReady())) await wait(200)
const { violations, logs } = await checkEnd({ users, clients, rooms })
violations.push(...governor.faults)
for (const client of clients) client.close()
for (const service of services) {
  await service.kill()
  service.proxy.close()
}
cluster.stop()
await redis?.stop()

const printCounts = (title: string, all: ReadonlyMap<string, number>): void => {
  print(`${title}:`)
  for (const [name, count] of [...all].sort()) print(`  ${String(count).padStart(6)} x ${name}`)
}
const entries = new Map<string, number>()
for (const log of logs.values())
  for (const { type, event } of log) {
    const name = event === undefined ? type : `${type} ${event}`
    entries.set(name, (entries.get(name) ?? 0) + 1)
  }
const refusals = new Map<string, number>()
for (const client of clients)
  for (const [code, count] of Object.entries(client.refusals)) refusals.set(code, (refusals.get(code) ?? 0) + count)
printCounts('faults', counts)
printCounts('entries', entries)
printCounts('refused frames', refusals)
printCounts('actions', governor.outcomes)
const records = clients.flatMap(({ readers }) => [...readers.values()].map(({ record }) => record))
const sum = (of: (record: (typeof records)[number]) => number) =>
  records.reduce((total, record) => total + of(record), 0)
print(
  `${logs.size} rooms, ${sum(r => r.acknowledged.size)} acknowledged, ${sum(r => r.delivered.length)} delivered, ${sum(r => r.removals ?? 0)} subscriptions ended by the service, ${clients.reduce((total, { reconnects }) => total + reconnects, 0)} reconnections, ${sum(r => r.resyncs)} too far behind`
)
if (violations.length > 0) {
  print(`FAILED, seed ${seed}:`)
  // One fault may cause hundreds of violations, so only the first ones of each kind are printed.
  const kinds = new Map<string, string[]>()
  for (const line of violations) {
    const kind = line.replace(/"[^"]*"|\d+/g, '#').slice(0, 200)
    kinds.set(kind, [...(kinds.get(kind) ?? []), line])
  }
  for (const lines of kinds.values()) {
    for (const line of lines.slice(0, OF_A_KIND)) print(`  ${line.slice(0, 2000)}`)
    if (lines.length > OF_A_KIND) print(`  and ${lines.length - OF_A_KIND} more of this kind`)
  }
  for (const service of services) print(service.stderr())
}
print(violations.length === 0 ? 'no guarantee was violated' : `${violations.length} violations`)
process.exit(violations.length === 0 ? 0 : 1)
