/**
 * Deliveries to a crowd: `npm run build && (cd tests/bench && npm install) && npx tsx tests/bench/deliveries.ts [sockets]`.
 * The whole service (auth, encryption, PostgreSQL) beside bare `ws` and Socket.IO, alternating in one run; what is
 * compared is deliveries per CPU second of the server's process, so that the load's own cost doesn't count.
 */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { median, report } from './measure.ts'
import type { RawClient } from './raw-client.ts'
import { cpuSeconds, type Subject, startPeer, startService } from './subjects.ts'

const SOCKETS = Number(process.argv[2] ?? 1000)
const SECONDS = 4
const ROUNDS = 3
const TEXT = 'x'.repeat(100)

const databaseUrl = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const schema = `bench_${randomBytes(4).toString('hex')}`

/** Keeps so many messages on their way for some seconds; answers deliveries per CPU second, and messages a second. */
const measure = async (subject: Subject, clients: readonly RawClient[], inFlight: number) => {
  const [sender] = clients
  if (!sender) throw new Error('no clients')
  const frame = subject.message(TEXT)
  let isOver = false
  // The sender hears its own messages too: each that comes back sends the next.
  sender.onFrames = count => {
    if (!isOver) sender.send(...Array.from({ length: count }, () => frame))
  }
  const framesOf = () => clients.reduce((sum, client) => sum + client.frames, 0)
  sender.send(...Array.from({ length: inFlight }, () => frame))
  await new Promise(done => setTimeout(done, 500))
  const before = { cpu: cpuSeconds(subject.pid), frames: framesOf(), at: performance.now() }
  await new Promise(done => setTimeout(done, SECONDS * 1000))
  const after = { cpu: cpuSeconds(subject.pid), frames: framesOf(), at: performance.now() }
  isOver = true
  await new Promise(done => setTimeout(done, 500))
  const deliveries = after.frames - before.frames
  return {
    perCpuSecond: deliveries / (after.cpu - before.cpu),
    messages: deliveries / clients.length / ((after.at - before.at) / 1000)
  }
}

const subjects = [
  await startPeer('ws-chunk', 'ws, one concatenated write'),
  await startPeer('ws-loop', 'ws, a loop of send'),
  await startPeer('socket.io', 'Socket.IO'),
  await startService(databaseUrl, schema, 8300)
]
const crowds = new Map<Subject, RawClient[]>()
for (const subject of subjects) {
  const clients: RawClient[] = []
  while (clients.length < SOCKETS)
    clients.push(...(await Promise.all(Array.from({ length: 50 }, () => subject.connect()))))
  crowds.set(subject, clients)
}
await new Promise(done => setTimeout(done, 2000))

for (const inFlight of [16, 1]) {
  const results = new Map<string, { perCpuSecond: number; messages: number }[]>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const [subject, clients] of crowds) {
      results.set(subject.name, [...(results.get(subject.name) ?? []), await measure(subject, clients, inFlight)])
    }
  }
  const pick = (what: 'perCpuSecond' | 'messages') =>
    new Map([...results].map(([name, all]) => [name, median(all.map(one => one[what]))]))
  report(`deliveries per server CPU second, ${SOCKETS} sockets, ${inFlight} in flight`, pick('perCpuSecond'))
  report('  messages a second meanwhile', pick('messages'))
}

for (const subject of subjects) await subject.stop()
const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
await sql.unsafe(`drop schema ${schema} cascade`)
await sql.end()
process.exit(0)
