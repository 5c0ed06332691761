/** Measures how the time of an append and of a history page grows with the number of stored messages. */
import { type BenchDatabase, createBenchDatabase } from './database.ts'
import type { RawClient } from './raw-client.ts'
import { pause, percentile, type Row } from './rows.ts'
import { type Service, startService } from './service.ts'

const SIZES = [1000, 10_000, 100_000, 1_000_000]
const TIMES = 500
const PAGE = 50

/** Sends a message and resolves when it is acknowledged. */
const append = async (sender: RawClient): Promise<void> => {
  const acknowledged = new Promise<void>(done => {
    sender.onFrames = () => done()
  })
  sender.send(JSON.stringify({ type: 'message', content: 'x'.repeat(100), ref: 'r' }))
  await acknowledged
}

const connectSender = async (service: Service): Promise<RawClient> => {
  const sender = await service.open(service.tokens[0] ?? '', 'rooms=')
  await pause(300)
  return sender
}

/** Stores one message through a service. Then copies its row in the database until the room has `size` messages. */
const fill = async (database: BenchDatabase, size: number): Promise<void> => {
  const service = await startService(database)
  await append(await connectSender(service))
  await service.kill()
  const { sql } = database
  await sql`
    insert into messages (room_id, seq, kind, user_id, content, meta, key_id, write_id, created_at)
    select room_id, n, kind, user_id, content, meta, key_id, 'w' || n, created_at
    from messages, generate_series(2, ${size}::int) as n where seq = 1`
  await sql`update rooms set last_seq = ${size} where name = 'general'`
  await sql`vacuum analyze messages`
  await sql`checkpoint`
}

/** Calls `work` many times, one after another. Returns the median duration in milliseconds. */
const medianOf = async (work: () => Promise<unknown>): Promise<number> => {
  const all: number[] = []
  for (let at = 0; at < TIMES; at++) {
    const began = performance.now()
    await work()
    all.push(performance.now() - began)
  }
  return percentile(all, 0.5)
}

const readPage = async ({ url, tokens }: Service, size: number): Promise<void> => {
  const before = PAGE + 1 + Math.floor(Math.random() * (size - PAGE))
  const response = await fetch(`${url}/api/chat/rooms/general/messages?before=${before}&limit=${PAGE}`, {
    headers: { authorization: `Bearer ${tokens[0]}` }
  })
  const { messages } = (await response.json()) as { messages: unknown[] }
  if (messages.length !== PAGE) throw new Error(`A history page has ${messages.length} messages instead of ${PAGE}.`)
}

export const growthOfMessages = async (): Promise<Row[]> => {
  const appends = new Map<string, number[]>()
  const pages = new Map<string, number[]>()
  for (const size of SIZES) {
    const database = await createBenchDatabase()
    await fill(database, size)
    const service = await startService(database)
    const sender = await connectSender(service)
    appends.set(String(size), [await medianOf(() => append(sender))])
    pages.set(String(size), [await medianOf(() => readPage(service, size))])
    sender.close()
    await service.kill()
    await database.drop()
  }
  const common = { unit: 'ms', growing: 'stored messages' }
  return [
    {
      ...common,
      title: 'message to ack, one in flight, median',
      short: 'message to ack, one in flight',
      runs: appends,
      aims: [{ beside: '1000', as: 'ratio', atMost: 1.5 }]
    },
    {
      ...common,
      title: `history page of ${PAGE} at random, one request in flight, median (from the page cache up to 10,000 messages)`,
      short: 'history page at random',
      runs: pages,
      aims: [{ beside: '100000', as: 'ratio', atMost: 1.5 }]
    }
  ]
}
