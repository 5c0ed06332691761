/** Measures deliveries to many sockets: their number per CPU second of the server, and their latency at a constant rate. */
import type { RawClient } from './raw-client.ts'
import { interleave, pause, percentile, type Row, spread } from './rows.ts'
import { connectMany, createBenchSchema, framesOf, loadCpu, type Subject, startPeer, startService } from './subjects.ts'

const SOCKETS = 1000
const SECONDS = 4
const ROUNDS = 3
const TEXT = 'x'.repeat(100)

interface Crowd {
  readonly subject: Subject
  readonly clients: readonly RawClient[]
}

/** Keeps `inFlight` messages in flight for some seconds: each message that arrives back at the sender triggers the next one. */
const throughput = async ({ subject, clients }: Crowd, inFlight: number) => {
  const [sender] = clients
  if (!sender) throw new Error('no clients')
  const frame = subject.message(TEXT)
  let isOver = false
  sender.onFrames = count => {
    if (!isOver) sender.send(...Array.from({ length: count }, () => frame))
  }
  sender.send(...Array.from({ length: inFlight }, () => frame))
  await pause(500)
  const before = { cpu: subject.cpu(), load: loadCpu(), frames: framesOf(clients), at: performance.now() }
  await pause(SECONDS * 1000)
  const took = (performance.now() - before.at) / 1000
  const deliveries = framesOf(clients) - before.frames
  const result = {
    perCpuSecond: deliveries / (subject.cpu() - before.cpu),
    perSecond: deliveries / took,
    load: (loadCpu() - before.load) / took
  }
  isOver = true
  await pause(500)
  return result
}

/** Returns the milliseconds from send to arrival at each client, at `perSecond` messages per second. */
const latencies = async ({ subject, clients }: Crowd, perSecond: number): Promise<number[]> => {
  const [sender] = clients
  if (!sender) throw new Error('no clients')
  const frame = subject.message(TEXT)
  const sentAt: number[] = []
  const all: number[] = []
  for (const client of clients) {
    // Deliveries are ordered and without gaps: the n-th to arrive is the n-th that was sent.
    let arrived = 0
    client.onFrames = count => {
      const now = performance.now()
      for (let at = 0; at < count; at++) all.push(now - (sentAt[arrived++] ?? now))
    }
  }
  for (let at = 0; at < SECONDS * perSecond; at++) {
    sentAt.push(performance.now())
    sender.send(frame)
    await pause(1000 / perSecond)
  }
  await pause(500)
  for (const client of clients) client.onFrames = () => {}
  if (all.length !== clients.length * sentAt.length) throw new Error(`${subject.name} delivered ${all.length} messages`)
  return all
}

export const deliveries = async (): Promise<Row[]> => {
  const benchSchema = createBenchSchema()
  const subjects: Subject[] = [
    await startPeer('ws-chunk'),
    await startPeer('ws-loop'),
    await startPeer('socket.io'),
    await startService(benchSchema, { people: SOCKETS })
  ]
  const names = ['ws, one concatenated write', 'ws, a loop of send', 'Socket.IO', 'fastify-chat']
  const crowds: Crowd[] = []
  for (const subject of subjects) {
    const clients = await connectMany(SOCKETS, () => subject.connect())
    for (const client of clients) client.minBytes = TEXT.length
    crowds.push({ subject, clients })
  }
  // The service announces the joined users for up to five seconds.
  await pause(7000)

  const turns = <Result>(work: (crowd: Crowd) => Promise<Result>) =>
    interleave(ROUNDS, Object.fromEntries(crowds.map((crowd, at) => [names[at] ?? '', () => work(crowd)])))
  const pick = (results: Map<string, Awaited<ReturnType<typeof throughput>>[]>, what: 'perCpuSecond' | 'perSecond') =>
    new Map([...results].map(([name, all]) => [name, all.map(one => one[what])]))

  const many = await turns(crowd => throughput(crowd, 16))
  const one = await turns(crowd => throughput(crowd, 1))
  const late = await turns(crowd => latencies(crowd, 20))
  for (const { subject } of crowds) await subject.kill()
  await benchSchema.drop()

  const loads = [...many, ...one].flatMap(([, all]) => all.map(({ load }) => load))
  const best = Math.max(...[...pick(many, 'perSecond').values()].flat())
  const p99 = new Map([...late].map(([name, all]) => [name, all.map(times => percentile(times, 0.99))]))
  return [
    {
      title: `deliveries per CPU second of the server, ${SOCKETS} sockets, one message in flight`,
      short: 'deliveries, 1 in flight',
      unit: 'deliveries',
      runs: pick(one, 'perCpuSecond'),
      aims: [
        { beside: 'ws, a loop of send', as: 'ratio', atLeast: 1.2 },
        { beside: 'Socket.IO', as: 'ratio', atLeast: 1.2 }
      ]
    },
    {
      title: `deliveries per CPU second of the server, ${SOCKETS} sockets, 16 messages in flight`,
      short: 'deliveries, 16 in flight',
      unit: 'deliveries',
      runs: pick(many, 'perCpuSecond'),
      aims: [
        { beside: 'ws, one concatenated write', as: 'ratio', atLeast: 0.8 },
        { beside: 'Socket.IO', as: 'ratio', atLeast: 10 }
      ],
      note: `The load used ${spread(loads).median.toFixed(2)} of its core (at most ${spread(loads).max.toFixed(2)}) and counted up to ${Math.round(best).toLocaleString('en')} deliveries a second.`
    },
    {
      title: `p99 of send to arrival at ${(20 * SOCKETS).toLocaleString('en')} deliveries a second`,
      short: 'p99 at 20,000/s',
      unit: 'ms',
      runs: p99,
      aims: [
        { beside: 'ws, a loop of send', as: 'ratio', atMost: 1 },
        { beside: 'Socket.IO', as: 'ratio', atMost: 1 }
      ],
      note: `All clients are in one process, and the time it needs to read is included, for the peers as well.`
    }
  ]
}
