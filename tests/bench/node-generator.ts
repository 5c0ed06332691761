/**
 * Generates load in this Node.js process. The clients are divided among the users that the benchmark has registered. There are at
 * most 1,000 users.
 */
import { closeAll, connectMany, framesOf } from './clients.ts'
import { type Crowd, type Generator, type Latency, type Saturation, TEXT } from './load.ts'
import type { RawClient } from './raw-client.ts'
import { pause, percentile } from './rows.ts'
import { loadCpu, type Subject } from './subjects.ts'

const saturate = async (
  subject: Subject,
  clients: readonly RawClient[],
  inFlight: number,
  seconds: number
): Promise<Saturation> => {
  const [sender] = clients
  if (!sender) throw new Error('The crowd has no clients.')
  const frame = subject.message(TEXT)
  let isOver = false
  sender.onFrames = count => {
    if (!isOver) sender.send(...Array.from({ length: count }, () => frame))
  }
  sender.send(...Array.from({ length: inFlight }, () => frame))
  await pause(500)
  const now = () => ({
    cpu: subject.cpu(),
    writes: subject.writes(),
    load: loadCpu(),
    frames: framesOf(clients),
    at: performance.now()
  })
  const before = now()
  await pause(seconds * 1000)
  const after = now()
  const took = (after.at - before.at) / 1000
  const deliveries = after.frames - before.frames
  isOver = true
  await pause(500)
  return {
    perCpuSecond: deliveries / (after.cpu - before.cpu),
    perSecond: deliveries / took,
    perWrite: deliveries / (after.writes - before.writes),
    load: (after.load - before.load) / took
  }
}

const latency = async (
  subject: Subject,
  clients: readonly RawClient[],
  perSecond: number,
  seconds: number
): Promise<Latency> => {
  const [sender] = clients
  if (!sender) throw new Error('The crowd has no clients.')
  const frame = subject.message(TEXT)
  const sentAt: number[] = []
  const all: number[] = []
  for (const client of clients) {
    // Messages arrive in order and without gaps, so the n-th received message is the n-th sent message.
    let arrived = 0
    client.onFrames = count => {
      const now = performance.now()
      for (let at = 0; at < count; at++) all.push(now - (sentAt[arrived++] ?? now))
    }
  }
  for (let at = 0; at < seconds * perSecond; at++) {
    sentAt.push(performance.now())
    sender.send(frame)
    await pause(1000 / perSecond)
  }
  await pause(500)
  for (const client of clients) client.onFrames = () => {}
  if (all.length !== clients.length * sentAt.length)
    throw new Error(`${subject.name} delivered ${all.length} messages instead of ${clients.length * sentAt.length}`)
  return { p50: percentile(all, 0.5), p99: percentile(all, 0.99) }
}

const connect = async (subject: Subject, sockets: number): Promise<Crowd> => {
  const clients = await connectMany(sockets, () => subject.connect())
  for (const client of clients) {
    client.minBytes = TEXT.length
    // Counts only messages, because the service delivers an entry about the join before a user's first message in a public room.
    client.onlyMessages = subject.name === 'fastify-chat'
  }
  return {
    saturate: (inFlight, seconds) => saturate(subject, clients, inFlight, seconds),
    latency: (perSecond, seconds) => latency(subject, clients, perSecond, seconds),
    close: () => closeAll(clients)
  }
}

export const nodeGenerator: Generator = {
  name: 'Node.js',
  people: 1000,
  connect,
  async hold(subject, sockets) {
    const clients = await connectMany(sockets, () => subject.connect())
    return () => closeAll(clients)
  }
}
