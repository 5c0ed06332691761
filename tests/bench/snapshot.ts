/**
 * Measures what an open snapshot costs. A backup holds one while it reads (`pg_dump` reads in one transaction with the isolation
 * level repeatable read). Each append changes the row of its room, and PostgreSQL must keep the old versions of this row while
 * the snapshot exists.
 */
import { closeAll, connectMany } from './clients.ts'
import { createBenchDatabase } from './database.ts'
import { TEXT } from './load.ts'
import { type Effort, pause, percentile, type Row } from './rows.ts'
import { type Service, startService } from './service.ts'

const SENDERS = 20
/** A load that makes the most versions of the row of a room, and a load with large batches. */
const LOADS = [
  { name: 'one message in flight', senders: 1, inFlight: 1 },
  { name: `${SENDERS} senders, 50 in flight each`, senders: SENDERS, inFlight: 50 }
]
const WINDOW_SECONDS = 10
const SECONDS = { before: 30, held: 120, after: 20 }
const SHORT_SECONDS = { before: 10, held: 20, after: 10 }

interface Window {
  readonly perSecond: number
  readonly toAck: number
}

/** Sends messages until `stop` is called. Each acknowledgement triggers the next message. */
const send = async (service: Service, { senders, inFlight }: (typeof LOADS)[number]) => {
  let at = 0
  const clients = await connectMany(senders, () => service.open(service.tokens[at++] ?? '', 'rooms='))
  // Waits for the first frame of each connection. The code below treats every later frame as an acknowledgement.
  await pause(500)
  const frame = JSON.stringify({ type: 'message', content: TEXT, ref: 'r' })
  let times: number[] = []
  let isOver = false
  for (const client of clients) {
    const sentAt: number[] = []
    const push = (count: number) => {
      for (let times = 0; times < count; times++) sentAt.push(performance.now())
      client.send(...Array.from({ length: count }, () => frame))
    }
    client.onFrames = count => {
      const now = performance.now()
      for (const at of sentAt.splice(0, count)) times.push(now - at)
      if (!isOver) push(count)
    }
    push(inFlight)
  }
  await pause(2000)
  return {
    /** Returns the results of each period of `WINDOW_SECONDS` from now on. */
    async windows(forSeconds: number): Promise<Window[]> {
      const all: Window[] = []
      while (all.length < forSeconds / WINDOW_SECONDS) {
        times = []
        const began = performance.now()
        await pause(WINDOW_SECONDS * 1000)
        all.push({ perSecond: (1000 * times.length) / (performance.now() - began), toAck: percentile(times, 0.5) })
      }
      return all
    },
    async stop() {
      isOver = true
      await pause(1000)
      closeAll(clients)
    }
  }
}

export const snapshot = async ({ isShort }: Effort): Promise<Row[]> => {
  const { before, held, after } = isShort ? SHORT_SECONDS : SECONDS
  const rows: Row[] = []
  for (const load of LOADS) {
    const database = await createBenchDatabase()
    const service = await startService(database, { people: SENDERS })
    const sending = await send(service, load)
    const without = await sending.windows(before)
    const during = await database.sql.begin('isolation level repeatable read', async sql => {
      await sql`select count(*) from rooms`
      return sending.windows(held)
    })
    const later = await sending.windows(after)
    await sending.stop()
    await service.kill()
    await database.drop()
    const row = (title: string, unit: string, of: (window: Window) => number, aims: Row['aims'] = []): Row => ({
      title: `${title}, ${load.name}`,
      unit,
      runs: new Map([
        ['without a snapshot', without.map(of)],
        ['snapshot, first 10 s', during.slice(0, 1).map(of)],
        ['snapshot, middle', during.slice(1, -1).map(of)],
        ['snapshot, last 10 s', during.slice(-1).map(of)],
        ['after the snapshot', later.map(of)]
      ]),
      aims
    })
    rows.push(row('acknowledged messages beside an open snapshot', 'messages/s', ({ perSecond }) => perSecond))
    rows.push(row('time to ack beside an open snapshot, p50', 'ms', ({ toAck }) => toAck))
  }
  return rows
}
