/**
 * Attacks the built service with one attack after another, while other users chat: `npm run test:hostile`. For each attack,
 * prints the latency of the other users' acks (p50 and p99, also relative to a period without attacks). Also prints the numbers
 * of missing responses, of sockets left open, and of log lines. Fails if the memory grows too much, if sockets stay open, or if
 * a log line is repeated too often. Also fails if other users lose their connection or get no response. High latencies do not
 * make the run fail.
 *
 * Options: `--only TEXT` runs the attacks whose names contain TEXT. `--seconds N` sets the duration of each attack, by default
 * 5.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Order } from './attacker.ts'
import { type Attack, attacks } from './attacks.ts'
import { type Account, createAccount, type Measurement, type People, startPeople } from './people.ts'
import { startVictim, type Victim } from './service.ts'

const { values } = parseArgs({ options: { only: { type: 'string' }, seconds: { type: 'string', default: '5' } } })
const attackMs = Number(values.seconds) * 1000

/** The delay in milliseconds between the last attack and the measurement of the memory. */
const REST_MS = 60_000
/**
 * Maximum factor by which the memory in use may grow. This memory is measured after a garbage collection, and compared with the
 * memory before the attacks plus a full page cache. The resident memory is only printed, because it includes memory that the
 * allocator keeps.
 */
const MAX_GROWTH = 1.2
const PAGE_CACHE_BYTES = 64 * 1024 * 1024
/** Maximum time in milliseconds until all sockets are closed after an attack. This is longer than the service's timeouts. */
const SOCKETS_MS = 20_000
/**
 * Maximum number of log lines with the same message during an attack. The service merges repeated lines, and writes a merged
 * line once per interval. It does not merge lines with different error codes, or from different places in the code.
 */
const MAX_LINES = 20

const SETTINGS = { REGISTER_RATE_LIMIT: '0', LOGIN_RATE_LIMIT: '0', LOG_LEVEL: 'warn' }

interface Row {
  readonly name: string
  readonly seen: Measurement
  readonly socketsLeft: number
  readonly lines: number
}

const faults: string[] = []
const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))
const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

/**
 * Fills the message log for the attacks that read it. Reads 1,000 messages once, so that the page cache already contains them
 * when the memory before the attacks is measured.
 */
const fillHistory = async ({ port }: Victim, writers: readonly Account[]): Promise<void> => {
  const content = '🌊'.repeat(4000)
  await Promise.all(
    writers.map(async ({ token }) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      for (let sent = 0; sent < 1000 / writers.length; sent++) {
        await postUntilStored(`http://127.0.0.1:${port}/api/chat/rooms/general/messages`, headers, content)
      }
    })
  )
  const headers = { authorization: `Bearer ${writers[0]?.token}` }
  await (await fetch(`http://127.0.0.1:${port}/api/chat/messages?limit=1000`, { headers })).arrayBuffer()
}

const postUntilStored = async (url: string, headers: Record<string, string>, content: string): Promise<void> => {
  for (;;) {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ content }) })
    await response.arrayBuffer()
    if (response.ok) return
    await pause(100)
  }
}

/**
 * Returns the maximum number of sockets within half a second. A single measurement may be too low, because the connection for
 * the HTTP requests of the other users may be closed and opened again.
 */
const socketsBefore = async (victim: Victim): Promise<number> => {
  const until = performance.now() + 500
  let sockets = victim.sockets()
  while (performance.now() < until) {
    await pause(25)
    sockets = Math.max(sockets, victim.sockets())
  }
  return sockets
}

const socketsAfter = async (victim: Victim, before: number): Promise<number> => {
  const until = performance.now() + SOCKETS_MS
  while (victim.sockets() > before && performance.now() < until) await pause(100)
  return Math.max(0, victim.sockets() - before)
}

const attackOnce = async (attack: Attack, victim: Victim, people: People, accounts: Account[]): Promise<Row> => {
  const attacker = fork(join(import.meta.dirname, 'attacker.ts'), { execArgv: ['--import', 'tsx', '--no-warnings'] })
  const before = await socketsBefore(victim)
  victim.takeLog()
  await people.take()
  const done = once(attacker, 'message')
  attacker.send({ attack: attack.name, ms: attackMs, target: { port: victim.port, accounts } } satisfies Order)
  await Promise.race([done, once(attacker, 'exit')])
  const seen = await people.take()
  // If `leavesOpen` is set, the service must close the connections before the attacker's process ends. Without `leavesOpen`, the
  // connections are closed when that process ends.
  const held = attack.leavesOpen ? await socketsAfter(victim, before) : 0
  attacker.kill('SIGKILL')
  const socketsLeft = held + (await socketsAfter(victim, before))
  const log = victim.takeLog()
  for (const [message, count] of log) {
    if (count > MAX_LINES) faults.push(`${attack.name}: ${count} times in the log: ${message}`)
  }
  return { name: attack.name, seen, socketsLeft, lines: [...log.values()].reduce((sum, count) => sum + count, 0) }
}

const check = ({ name, seen, socketsLeft }: Row): void => {
  if (socketsLeft > 0) faults.push(`${name}: ${socketsLeft} sockets were left open`)
  if (seen.unanswered > 0) faults.push(`${name}: ${seen.unanswered} requests of other users got no response`)
  if (seen.lost > 0) faults.push(`${name}: other users lost their connection ${seen.lost} times`)
}

const show = ({ name, seen: { acks, unanswered }, socketsLeft, lines }: Row, quiet: Measurement): string => {
  const cell = (share: number): string => {
    const ms = percentile(acks, share)
    return `${ms.toFixed(1).padStart(8)} ms (${(ms / percentile(quiet.acks, share)).toFixed(1)} x)`
  }
  return `${name.padEnd(42)} ${cell(0.5)} ${cell(0.99).padEnd(22)} ${String(unanswered).padStart(6)} ${String(socketsLeft).padStart(7)} ${String(lines).padStart(5)}`
}

const victim = await startVictim(SETTINGS)
try {
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, at) => `${prefix}-${at}`)
  const [good, bad] = await Promise.all(
    [names('person', 8), names('hostile', 16)].map(all =>
      Promise.all(all.map(name => createAccount(victim.port, name)))
    )
  )
  if (!good || !bad) throw new Error('No user could register.')
  await fillHistory(victim, bad)
  const people = await startPeople(victim.port, good, 'general')
  await pause(2000)
  await people.take()
  await pause(5000)
  const quiet = await people.take()
  const memoryBefore = await victim.memory()

  process.stdout.write(
    `${'attack'.padEnd(42)} ${'ack p50 of others'.padStart(18)} ${'p99'.padStart(12)}            unanswered sockets lines\n`
  )
  process.stdout.write(`${show({ name: 'quiet', seen: quiet, socketsLeft: 0, lines: 0 }, quiet)}\n`)
  for (const attack of attacks.filter(({ name }) => name.includes(values.only ?? ''))) {
    const row = await attackOnce(attack, victim, people, bad)
    check(row)
    process.stdout.write(`${show(row, quiet)}\n`)
    if (!victim.isUp) throw new Error(`The service ended during the attack "${attack.name}".`)
  }

  await pause(REST_MS)
  const memoryAfter = await victim.memory()
  const inUse = ({ heapUsed, external }: NodeJS.MemoryUsage): number => heapUsed + external
  const growth = inUse(memoryAfter) / (inUse(memoryBefore) + PAGE_CACHE_BYTES)
  const mebibytes = ({ rss, heapUsed, external }: NodeJS.MemoryUsage): string =>
    `${[rss, heapUsed, external].map(bytes => Math.round(bytes / 1024 / 1024)).join('/')} MiB`
  process.stdout.write(
    `memory (resident/heap/external): ${mebibytes(memoryBefore)} before, ${mebibytes(memoryAfter)} a minute after: ${growth.toFixed(2)} x the expected memory\n`
  )
  if (growth > MAX_GROWTH) faults.push(`memory grew to ${growth.toFixed(2)} times the expected memory`)
  people.stop()
} finally {
  await victim.stop()
}

for (const fault of faults) process.stdout.write(`FAIL ${fault}\n`)
process.stdout.write(faults.length === 0 ? 'No attack affected other users.\n' : `${faults.length} failures\n`)
process.exit(faults.length === 0 ? 0 : 1)
