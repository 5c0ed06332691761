/** Measures how long clients take to resume on another process after theirs was killed, when they have missed many messages. */
import { pause, type Row } from './rows.ts'
import { connectMany, createBenchSchema, framesOf, startService } from './subjects.ts'

const CLIENTS = 1000
const BEHIND = 500
const TEXT = 'x'.repeat(4000)

export const resume = async (): Promise<Row[]> => {
  const benchSchema = createBenchSchema()
  const { sql } = benchSchema
  const killed = await startService(benchSchema, { people: CLIENTS })
  const remaining = await startService(benchSchema)
  await connectMany(CLIENTS, () => killed.connect())
  await pause(1000)
  await killed.kill()

  const sender = await remaining.open(remaining.tokens[0] ?? '', 'rooms=')
  await pause(300)
  sender.minBytes = 0
  const { frames } = sender
  for (let at = 0; at < BEHIND; at++) sender.send(JSON.stringify({ type: 'message', content: TEXT, ref: 'r' }))
  while (sender.frames < frames + BEHIND) await pause(10)

  // Each query of the service outside a transaction counts as one transaction. Backends report their counts within a second.
  const queries = async (): Promise<number> => {
    await pause(1500)
    const [row] = await sql`select xact_commit::int as count from pg_stat_database where datname = current_database()`
    return Number(row?.count)
  }
  const idleMemory = remaining.peakMemory()
  const before = { cpu: remaining.cpu(), queries: await queries() }
  let at = 0
  const began = performance.now()
  const clients = await connectMany(CLIENTS, async () => {
    const client = await remaining.open(killed.tokens[at++] ?? '', 'rooms=')
    client.minBytes = TEXT.length
    client.send(JSON.stringify({ type: 'subscribe', room: 'general', after: 0 }))
    return client
  })
  while (framesOf(clients) < CLIENTS * BEHIND) {
    if (performance.now() - began > 120_000)
      throw new Error(`only ${framesOf(clients)} missed messages arrived in 120 s`)
    await pause(20)
  }
  const took = (performance.now() - began) / 1000
  const cpu = remaining.cpu() - before.cpu
  const peak = remaining.peakMemory()
  const queryCount = (await queries()) - before.queries
  await remaining.kill()
  await benchSchema.drop()
  const facts = [
    `${cpu.toFixed(1)} s of CPU`,
    `at most ${Math.round(peak / 2 ** 20)} MB (before: ${Math.round(idleMemory / 2 ** 20)} MB)`,
    `${queryCount} queries`
  ]
  return [
    {
      title: `${CLIENTS.toLocaleString('en')} clients lose their process and resume on the other, ${BEHIND} messages of ${TEXT.length.toLocaleString('en')} characters behind`,
      short: 'resume',
      unit: 'seconds until the last client has all',
      runs: new Map([['fastify-chat', [took]]]),
      note: `${facts.join(', ')}; ${((CLIENTS * BEHIND * TEXT.length) / took / 2 ** 20).toFixed(0)} MB/s of text.`
    }
  ]
}
