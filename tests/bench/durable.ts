/**
 * Messages stored: `npm run build && npx tsx tests/bench/durable.ts`. The whole service (auth, encryption, numbering, group
 * commit, an answer each) beside bare inserts of as many rows, by `unnest` in batches and one at a time, in one run.
 */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { median, report, seconds } from './measure.ts'
import { connectRaw } from './raw-client.ts'
import { cpuSeconds, residentBytes, startService } from './subjects.ts'

const SENDERS = 20
const IN_FLIGHT = 200
const SECONDS = 4
const BATCH = 200
const TEXT = 'x'.repeat(100)

const databaseUrl = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const schema = `bench_${randomBytes(4).toString('hex')}`
const service = await startService(databaseUrl, schema, 8301)
const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
await sql.unsafe(`create table ${schema}.bare (like ${schema}.messages including all)`)

const token = `gAAAAA${'x'.repeat(234)}`
let written = 0
const insert = (size: number) => {
  const rows = Array.from({ length: size }, () => written++)
  return sql.unsafe(
    `insert into ${schema}.bare (room_id, seq, id, kind, user_id, content, key_id, write_id, created_at)
     select 1, s, s, 'message', 1, c, 'k', w, now() from unnest($1::bigint[], $2::text[], $3::text[]) as r (s, c, w)`,
    [rows, rows.map(() => token), rows.map(at => `w${at}`)] as never[],
    { prepare: true }
  )
}

/** Senders that follow nothing hear only the answers to what they send: each answer sends the next. */
const saturate = async (senders: number, inFlight: number): Promise<{ perSecond: number; cpu: number }> => {
  const clients = await Promise.all(
    Array.from({ length: senders }, () => connectRaw(service.port, `/ws/chat?rooms=&token=${service.token}`))
  )
  const frame = JSON.stringify({ type: 'message', content: TEXT, ref: 'r' })
  let isOver = false
  for (const client of clients) {
    client.onFrames = count => {
      if (!isOver) client.send(...Array.from({ length: count }, () => frame))
    }
    client.send(...Array.from({ length: inFlight }, () => frame))
  }
  await new Promise(done => setTimeout(done, 1000))
  const total = () => clients.reduce((sum, client) => sum + client.frames, 0)
  const before = { frames: total(), cpu: cpuSeconds(service.pid), at: performance.now() }
  await new Promise(done => setTimeout(done, SECONDS * 1000))
  const perSecond = (total() - before.frames) / ((performance.now() - before.at) / 1000)
  isOver = true
  await new Promise(done => setTimeout(done, 1000))
  for (const client of clients) client.close()
  return { perSecond, cpu: (cpuSeconds(service.pid) - before.cpu) / SECONDS }
}

const results = { bare: [] as number[], service: [] as number[], one: [] as number[], ack: [] as number[] }
for (let round = 0; round < 3; round++) {
  const times = 100
  results.bare.push(
    (times * BATCH) /
      (await seconds(async () => {
        for (let at = 0; at < times; at++) await insert(BATCH)
      }))
  )
  results.service.push((await saturate(SENDERS, IN_FLIGHT)).perSecond)
  results.one.push(
    500 /
      (await seconds(async () => {
        for (let at = 0; at < 500; at++) await insert(1)
      }))
  )
  results.ack.push((await saturate(1, 1)).perSecond)
}
report(
  `rows a second: ${SENDERS} senders, saturated`,
  new Map([
    [`bare insert by unnest of ${BATCH}`, median(results.bare)],
    ['fastify-chat, acknowledged', median(results.service)]
  ])
)
report(
  'one after another, a second',
  new Map([
    ['bare insert of one row', median(results.one)],
    ['fastify-chat, one in flight', median(results.ack)]
  ])
)

const idleBefore = residentBytes(service.pid)
const idle = await Promise.all(Array.from({ length: 2000 }, () => service.connect()))
await new Promise(done => setTimeout(done, 3000))
report(
  'memory',
  new Map([['bytes per idle connection (of 2,000)', (residentBytes(service.pid) - idleBefore) / idle.length]])
)

await service.stop()
await sql.unsafe(`drop schema ${schema} cascade`)
await sql.end()
process.exit(0)
