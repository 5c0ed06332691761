/**
 * Measures the data commands beside live traffic: the rotation of the encryption key and the deletion of expired messages, each on
 * `ROWS` messages, by default 100,000. Prints rows per second, and the time until messages of others are acknowledged, compared with
 * the time without a command. Uses the database in DATABASE_URL:
 * `DATABASE_URL=postgres://… npx tsx tests/bench/keep.ts`
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { reencryptOnce } from '../../src/db/reencrypt.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createPace } from '../../src/lib/pace.ts'
import { createMessageRetention } from '../../src/ops/message-retention.ts'

const rows = Number(process.env.ROWS ?? 100_000)
const url = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const schema = `keep_${randomUUID().slice(0, 8)}`
const client = await openClient({ url, poolMax: 10 })
const other = await openClient({ url, poolMax: 3 })
await migrateUp(client, schema)
const database = createDatabase(client, schema)
const [oldKey, newKey] = [generateKey(), generateKey()]
const now = systemClock.now
const before = createKeyring({ current: oldKey, now })
const rotating = createKeyring({ current: newKey, previous: [oldKey], now })

const { token, keyId } = before.encrypt('A message of usual length, which somebody wrote some time ago. '.repeat(3))
await client.query(
  `insert into "${schema}".messages (room_id, seq, kind, user_id, content, key_id, write_id, created_at)
   select 1, n, 'message', 1, $1, $2, 'w' || n, now() - interval '40 days' from generate_series(1, $3::integer) as n`,
  [token, keyId, rows]
)
await client.query(`update "${schema}".rooms set last_seq = $1 where id = 1`, [rows])
await client.query(`analyze "${schema}".messages`)

/** Appends a message every 10 ms until `isOver`, to the same room. Returns the times until each commit, sorted. */
const traffic = async (isOver: () => boolean): Promise<number[]> => {
  const times: number[] = []
  const pending: Promise<void>[] = []
  while (!isOver()) {
    const startedAt = systemClock.monotonic()
    const text = rotating.encrypt('hello')
    const entry = { roomId: 1, userId: 1, kind: 'message', content: text.token, meta: null, keyId: text.keyId }
    pending.push(
      database.messages.append([{ ...entry, writeId: randomUUID() }]).then(() => {
        times.push(systemClock.monotonic() - startedAt)
      })
    )
    await delay(10)
  }
  await Promise.all(pending)
  return times.sort((a, b) => a - b)
}

const p = (times: readonly number[], part: number): number => times[Math.floor(times.length * part)] ?? Number.NaN

/** Runs `work`, which returns a number of rows, between two measurements without it. */
const measure = async (name: string, work: () => Promise<number>): Promise<void> => {
  const quietFor = async (ms: number): Promise<number[]> => {
    const until = systemClock.monotonic() + ms
    return traffic(() => systemClock.monotonic() > until)
  }
  const quiet = await quietFor(8000)
  let isOver = false
  const startedAt = systemClock.monotonic()
  const during = traffic(() => isOver)
  const count = await work()
  const seconds = (systemClock.monotonic() - startedAt) / 1000
  isOver = true
  const busy = await during
  const again = await quietFor(8000)
  const reference = [...quiet, ...again].sort((a, b) => a - b)
  const show = (times: readonly number[]) => `p50 ${p(times, 0.5).toFixed(1)} ms, p99 ${p(times, 0.99).toFixed(1)} ms`
  process.stdout.write(
    `${name}: ${count} rows in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} rows/s\n` +
      `  appends without it: ${show(reference)}; beside it: ${show(busy)}; ratio of p99: ${(p(busy, 0.99) / p(reference, 0.99)).toFixed(2)}\n`
  )
}

await measure('keys rotate', async () => {
  const pace = createPace(systemClock)
  return (await reencryptOnce({ client: other, schema, keyring: rotating, pace })).rows
})
await measure('retention', async () => {
  const repository = createDatabase(other, schema).messageRetention
  const failed = (fields: unknown): void => {
    throw new Error('The retention failed.', { cause: fields })
  }
  const log = { debug() {}, info() {}, warn: failed, error: failed }
  const retention = createMessageRetention({ repository, days: 30, clock: systemClock, log })
  await retention.run()
  return retention.deletedEntries
})
await client.query(`drop schema "${schema}" cascade`)
await Promise.all([client.close(), other.close()])
