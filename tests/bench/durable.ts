/**
 * Measures stored messages per second. Compares the complete service (auth, encryption, numbering, group commit, one ack per
 * message) with bare inserts. The inserted rows have about the same size, and their table has the same columns and indexes.
 */
import { closeAll, connectMany, framesOf } from './clients.ts'
import { createBenchDatabase } from './database.ts'
import { type Effort, interleave, pause, type Row, seconds, spread } from './rows.ts'
import { type Service, startService } from './service.ts'
import { loadCpu } from './subjects.ts'

const SENDERS = 20
const IN_FLIGHT = 200
const BATCH = 200
const TEXT = 'x'.repeat(100)
// The text is as long as the Fernet token of a text with 100 characters.
const CIPHERTEXT = `gAAAAA${'x'.repeat(222)}`

/**
 * Measures the acks per second of senders without subscriptions, where each ack triggers the next message. Also measures the
 * CPU seconds per second that the service and the load generator use.
 */
const acknowledged = async (service: Service, senders: number, inFlight: number, forSeconds: number) => {
  let at = 0
  const clients = await connectMany(senders, () => service.open(service.tokens[at++] ?? '', 'rooms='))
  // Waits for the first frame of each connection. The code below treats every later frame as an ack.
  await pause(300)
  const frame = JSON.stringify({ type: 'message', content: TEXT, ref: 'r' })
  let isOver = false
  for (const client of clients) {
    client.onFrames = count => {
      if (!isOver) client.send(...Array.from({ length: count }, () => frame))
    }
    client.send(...Array.from({ length: inFlight }, () => frame))
  }
  await pause(700)
  const before = { frames: framesOf(clients), cpu: service.cpu(), load: loadCpu(), at: performance.now() }
  await pause(forSeconds * 1000)
  const took = (performance.now() - before.at) / 1000
  const result = {
    perSecond: (framesOf(clients) - before.frames) / took,
    cpu: (service.cpu() - before.cpu) / took,
    load: (loadCpu() - before.load) / took
  }
  isOver = true
  await pause(700)
  closeAll(clients)
  return result
}

export const durable = async ({ rounds, seconds: forSeconds }: Effort): Promise<Row[]> => {
  const database = await createBenchDatabase()
  const { sql } = database
  const service = await startService(database, { people: SENDERS })
  await sql`create table bare (like messages including all)`

  let written = 0
  const insert = (size: number) => {
    const rows = Array.from({ length: size }, () => written++)
    return sql.unsafe(
      `insert into bare (room_id, seq, id, kind, user_id, content, key_id, write_id, created_at)
       select 1, s, s, 'message', 1, c, 'k', w, now() from unnest($1::bigint[], $2::text[], $3::text[]) as r (s, c, w)`,
      [rows, rows.map(() => CIPHERTEXT), rows.map(at => `w${at}`)] as never[],
      { prepare: true }
    )
  }
  const insertFor = (size: number) => async () => {
    const end = performance.now() + forSeconds * 1000
    let rows = 0
    const took = await seconds(async () => {
      for (; performance.now() < end; rows += size) await insert(size)
    })
    return { perSecond: rows / took, cpu: 0, load: 0 }
  }

  const bare = `bare unnest insert, batches of ${BATCH}`
  const saturated = await interleave(rounds, {
    [bare]: insertFor(BATCH),
    'fastify-chat, acknowledged': () => acknowledged(service, SENDERS, IN_FLIGHT, forSeconds)
  })
  const alone = await interleave(rounds, {
    'bare insert': insertFor(1),
    'fastify-chat, message to ack': () => acknowledged(service, 1, 1, forSeconds)
  })
  await service.kill()
  await database.drop()

  const pick = (results: typeof saturated, of: (perSecond: number) => number) =>
    new Map([...results].map(([name, all]) => [name, all.map(({ perSecond }) => of(perSecond))]))
  const ours = [...saturated.values()].at(-1) ?? []
  return [
    {
      title: `durable, encrypted messages, ${SENDERS} senders, saturated`,
      short: 'durable messages',
      unit: 'messages/s',
      runs: pick(saturated, perSecond => perSecond),
      aims: [{ beside: bare, as: 'ratio', atLeast: 0.4 }],
      note: `The service used ${spread(ours.map(({ cpu }) => cpu)).median.toFixed(2)} of its core, the load ${spread(ours.map(({ load }) => load)).median.toFixed(2)} of the other; PostgreSQL used the rest of both.`
    },
    {
      title: 'one sender, one message in flight: time to its ack',
      short: 'time to ack',
      unit: 'ms',
      runs: pick(alone, perSecond => 1000 / perSecond),
      aims: [{ beside: 'bare insert', as: 'ratio', atMost: 2.5 }]
    }
  ]
}
