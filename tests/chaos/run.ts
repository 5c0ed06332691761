/**
 * Injects random faults into two service processes and a separate PostgreSQL cluster: `npm run test:chaos -- --seed N --minutes
 * M`. `--redis` adds Redis and its faults. A seed determines the faults and their order, but not their exact timing. If a
 * guarantee was violated, prints the violations and exits with 1.
 */
import { parseArgs } from 'node:util'
import { generateKey } from '../../src/crypto/fernet.ts'
import { freePort } from '../support/free-port.ts'
import { check } from './check.ts'
import { type ChaosClient, createClient } from './client.ts'
import { findBinaries, startCluster } from './cluster.ts'
import { type LogEntry, type Message, shown } from './fold.ts'
import { startChaosRedis } from './redis.ts'
import { createService, type Service } from './service.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '2' },
    clients: { type: 'string', default: '12' },
    redis: { type: 'boolean', default: false }
  }
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
const minutes = Number(values.minutes)
const print = (text: string) => process.stdout.write(`${text}\n`)
const wait = (ms: number) => new Promise<void>(done => setTimeout(done, ms))

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
const redis = values.redis ? await startChaosRedis(2, random, wait) : undefined
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

const clients: ChaosClient[] = Array.from({ length: Number(values.clients) }, (_, at) =>
  createClient({ name: `client-${at}`, urls, password: 'SecurePass123', random: randomOf(seed + at + 1) })
)

/** Functions that each inject one kind of fault, keyed by the name of the fault. */
const faults: Record<string, (service: Service) => Promise<void>> = {
  async kill(service) {
    await service.kill()
    await wait(300 + random() * 1500)
    service.start()
  },
  async 'die between commit and ack'(service) {
    service.signal('SIGUSR2')
    await wait(1500)
    await service.kill()
    service.start()
  },
  async 'die between ack and delivery'(service) {
    service.signal('SIGUSR2')
    await wait(20)
    service.signal('SIGUSR2')
    await wait(1500)
    await service.kill()
    service.start()
  },
  async 'restart the database'() {
    cluster.restart()
  },
  async 'cut the database’s connections'(service) {
    service.proxy.cut()
  },
  async 'stall the database’s connections'(service) {
    service.proxy.stall()
    await wait(1000 + random() * 5000)
    service.proxy.resume()
  },
  async 'stall, then cut'(service) {
    service.proxy.stall()
    await wait(500 + random() * 2000)
    service.proxy.cut()
    service.proxy.resume()
  },
  async 'pause the process'(service) {
    service.signal('SIGSTOP')
    await wait(500 + random() * 4000)
    service.signal('SIGCONT')
  },
  async 'read slowly'() {
    const client = clients[Math.floor(random() * clients.length)]
    client?.pause(500 + random() * 3000)
  },
  ...redis?.faults
}

const counts = new Map<string, number>()
const endsAt = Date.now() + minutes * 60_000
const sending = setInterval(() => {
  for (const client of clients) if (random() < 0.4) client.send()
}, 50)
while (Date.now() < endsAt) {
  await wait(500 + random() * 2500)
  const names = Object.keys(faults)
  const name = names[Math.floor(random() * names.length)] ?? ''
  const service = services[Math.floor(random() * services.length)]
  counts.set(name, (counts.get(name) ?? 0) + 1)
  if (service) await faults[name]?.(service)
}
clearInterval(sending)

// Ends all faults. Every client must then reach the end of the same log.
redis?.heal()
for (const service of services) {
  service.proxy.resume()
  service.signal('SIGCONT')
  if (!service.isUp) service.start()
}
const settlesBy = Date.now() + 90_000
const head = async (): Promise<number> => {
  const log = await readLog().catch(() => undefined)
  return log?.length ?? -1
}

async function login(): Promise<(path: string) => Promise<never>> {
  const call = async (path: string, init: RequestInit = {}) =>
    (await fetch(urls[0] + path, { ...init, signal: AbortSignal.timeout(60_000) })).json() as Promise<never>
  const body = JSON.stringify({ username: 'client-0', password: 'SecurePass123' })
  const { access_token }: { access_token: string } = await call('/api/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body
  })
  return path => call(path, { headers: { authorization: `Bearer ${access_token}` } })
}

async function readLog(): Promise<LogEntry[]> {
  const get = await login()
  const entries: LogEntry[] = []
  for (;;) {
    const page: { entries: LogEntry[]; has_more: boolean } = await get(
      `/api/chat/rooms/general/log?after=${entries.length}&limit=1000`
    )
    entries.push(...page.entries)
    if (!page.has_more) return entries
  }
}

/** A message as an item of an HTTP list. */
interface Item {
  readonly seq: number
  readonly content: string | null
  readonly reactions?: readonly { readonly key: string; readonly count: number }[]
}

async function readMessages(): Promise<Map<number, Message>> {
  const get = await login()
  const messages = new Map<number, Message>()
  for (let after = 0; ; ) {
    const page: { messages: Item[]; has_more: boolean } = await get(
      `/api/chat/rooms/general/messages?after=${after}&view=messages&limit=1000`
    )
    for (const { seq, content, reactions = [] } of page.messages) {
      const counts = new Map(reactions.map(({ key, count }) => [key, count]))
      messages.set(seq, { content, reactions: shown(counts) })
      after = seq
    }
    if (!page.has_more) return messages
  }
}

let isSettled = false
while (!isSettled && Date.now() < settlesBy) {
  await wait(1000)
  const length = await head()
  isSettled = length > 0 && clients.every(client => client.isSettled && client.lastSeq === length)
}

const log = await readLog()
const records = clients.map(({ record }) => record)
const violations = check(log, records, await readMessages())
if (!isSettled) {
  const late = clients.filter(client => !client.isSettled || client.lastSeq !== log.length)
  violations.push(
    ...late.map(
      ({ record, lastSeq }) =>
        `${record.name}: received up to ${lastSeq} of ${log.length}, or has unacknowledged messages`
    )
  )
}
for (const client of clients) client.close()
for (const service of services) {
  await service.kill()
  service.proxy.close()
}
cluster.stop()
await redis?.stop()

for (const [name, count] of [...counts].sort()) print(`  ${String(count).padStart(4)} x ${name}`)
const sum = (of: (record: (typeof records)[number]) => number) =>
  records.reduce((total, record) => total + of(record), 0)
print(
  `  ${log.length} entries, ${log.filter(({ type }) => type !== 'message').length} of them changes; ${sum(r => r.acknowledged.size)} acknowledged, ${sum(r => r.delivered.length)} delivered, ${sum(r => r.reconnects)} reconnections, ${sum(r => r.resyncs)} too far behind`
)
if (violations.length > 0) {
  print(`FAILED, seed ${seed}:`)
  for (const line of violations.slice(0, 40)) print(`  ${line}`)
  for (const service of services) print(service.stderr())
}
print(violations.length === 0 ? 'no guarantee was violated' : `${violations.length} violations`)
process.exit(violations.length === 0 ? 0 : 1)
