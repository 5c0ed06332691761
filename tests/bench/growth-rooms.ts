/** Measures how the cost of a message, and of looking up which rooms have changed, grows with the number of rooms. */
import { closeAll, connectMany } from './clients.ts'
import { createBenchDatabase } from './database.ts'
import type { RawClient } from './raw-client.ts'
import { type Effort, pause, type Row } from './rows.ts'
import { type Service, startService } from './service.ts'

const SIZES = [1, 10, 100, 1000, 10_000]
/** The number of rooms per connection. The service allows 128. */
const ROOMS_EACH = 100
const IN_FLIGHT = 100
const WARM_UP_MS = 2000
/** The number of measured look-ups of changed rooms. The service starts a look-up every `PASS_SECONDS` seconds. */
const PASSES = 5
const PASS_SECONDS = 5

const nameOf = (room: number): string => `room-${room}`

/** Connects readers that together subscribe to every room once. */
const subscribeAll = async (service: Service, rooms: number): Promise<RawClient[]> => {
  const readers = await connectMany(Math.ceil(rooms / ROOMS_EACH), () =>
    service.open(service.tokens[0] ?? '', 'rooms=')
  )
  for (const [at, reader] of readers.entries()) {
    const { length } = Array.from({ length: ROOMS_EACH }).slice(0, rooms - at * ROOMS_EACH)
    const expected = reader.frames + length
    for (let room = 0; room < length; room++) {
      reader.send(JSON.stringify({ type: 'subscribe', room: nameOf(at * ROOMS_EACH + room) }))
    }
    while (reader.frames < expected) await pause(10)
  }
  await pause(1000)
  return readers
}

/**
 * Sends messages to the rooms in turn, with `IN_FLIGHT` messages in flight. Returns the CPU time of the service per message, in
 * µs.
 */
const cpuPerMessage = async (service: Service, rooms: number, seconds: number): Promise<number> => {
  const sender = await service.open(service.tokens[0] ?? '', 'rooms=')
  await pause(300)
  let room = 0
  const next = () =>
    JSON.stringify({ type: 'message', room: nameOf(room++ % rooms), content: 'x'.repeat(100), ref: 'r' })
  let isOver = false
  sender.onFrames = count => {
    if (!isOver) sender.send(...Array.from({ length: count }, next))
  }
  sender.send(...Array.from({ length: IN_FLIGHT }, next))
  await pause(WARM_UP_MS)
  const before = { cpu: service.cpu(), frames: sender.frames }
  await pause(seconds * 1000)
  const each = (service.cpu() - before.cpu) / (sender.frames - before.frames)
  isOver = true
  await pause(500)
  sender.close()
  return 1e6 * each
}

/**
 * Returns the CPU time in milliseconds that the idle service uses per look-up of changed rooms, including all other work
 * between two look-ups.
 */
const cpuPerPass = async (service: Service): Promise<number> => {
  const before = service.cpu()
  await pause(PASSES * PASS_SECONDS * 1000)
  return (1000 * (service.cpu() - before)) / PASSES
}

export const growthOfRooms = async ({ seconds }: Effort): Promise<Row[]> => {
  const messages = new Map<string, number[]>()
  const passes = new Map<string, number[]>()
  for (const size of SIZES) {
    const database = await createBenchDatabase()
    const service = await startService(database)
    await database.sql`insert into rooms (name) select 'room-' || n from generate_series(0, ${size - 1}::int) as n`
    const readers = await subscribeAll(service, size)
    messages.set(String(size), [await cpuPerMessage(service, size, seconds)])
    passes.set(String(size), [await cpuPerPass(service)])
    closeAll(readers)
    await service.kill()
    await database.drop()
  }
  const growing = 'rooms with a subscriber'
  return [
    {
      title: `CPU per message, ${IN_FLIGHT} in flight, to the rooms in turn`,
      short: 'CPU per message, 100 in flight',
      unit: 'µs',
      growing,
      runs: messages,
      aims: [{ beside: '1000', as: 'ratio', atMost: 1.5 }]
    },
    {
      title: `CPU of an idle process per look-up of changed rooms (every ${PASS_SECONDS} s)`,
      short: 'CPU per look-up of changed rooms',
      unit: 'ms',
      growing,
      runs: passes,
      aims: [{ beside: '1000', as: 'ratio', atMost: 10 }]
    }
  ]
}
