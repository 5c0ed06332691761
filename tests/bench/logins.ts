/**
 * Measures whether the time of a rejected login reveals whether a user exists: `npx tsx tests/bench/logins.ts [users] [logins]
 * [rounds]`. Compares the medians of known names, unknown names, and names whose hash has a lower cost. The kinds of names
 * alternate, so that the load of the machine affects all kinds equally. Each login uses a different name, so that no login is
 * throttled.
 */
import { hash } from '@node-rs/bcrypt'
import { openClient } from '../../src/db/client/open.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { createServer } from '../../src/server.ts'
import { testSettings } from '../support/settings.ts'
import { createBenchDatabase } from './database.ts'

const [users = 200_000, logins = 200, rounds = 12] = process.argv.slice(2).map(Number)
/** The difference between the configured cost and the cost of an imported hash. */
const LOWER = 2
/** Maximum difference between two medians. A smaller difference does not reveal in practice whether a user exists. */
const AIM_PERCENT = 5
const WARM_UP = 10

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.floor(sorted.length / 2)] ?? 0)) / 2
}

/** Creates the users. Every third user has a hash with a lower cost. All users share two hashes, because hashing takes long. */
const fill = async ({ sql }: Awaited<ReturnType<typeof createBenchDatabase>>): Promise<void> => {
  const [same, lower] = await Promise.all([rounds, rounds - LOWER].map(cost => hash('SecurePass123', { cost })))
  await sql`insert into users (username, hashed_password)
    select 'user' || n, case when n % 3 = 0 then ${lower ?? ''} else ${same ?? ''} end
    from generate_series(1, ${users}::int) as n`
  await sql`vacuum analyze users`
}

/** Maps each kind to a function that returns the name for the nth login. Names of users are spread over the table. */
const NAMES: Readonly<Record<string, (at: number) => string>> = {
  known: at => `user${3 * Math.floor((at * users) / (3 * (logins + WARM_UP))) + 1}`,
  unknown: at => `nobody${at}`,
  'lower cost': at => `user${3 * Math.floor((at * users) / (3 * (logins + WARM_UP))) + 3}`
}

const measure = async (url: string): Promise<Map<string, number[]>> => {
  const times = new Map(Object.keys(NAMES).map(kind => [kind, [] as number[]]))
  for (let at = 0; at < logins + WARM_UP; at++) {
    for (const [kind, nameOf] of Object.entries(NAMES)) {
      const body = JSON.stringify({ username: nameOf(at), password: 'WrongPass123' })
      const startedAt = performance.now()
      const response = await fetch(`${url}/api/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body
      })
      await response.text()
      if (response.status !== 401)
        throw new Error(`A login with the kind of name "${kind}" returned ${response.status} instead of 401.`)
      if (at >= WARM_UP) times.get(kind)?.push(performance.now() - startedAt)
    }
  }
  return times
}

const database = await createBenchDatabase()
try {
  const client = await openClient({ url: database.url, poolMax: 4 })
  await migrateUp(client, 'public')
  await client.close()
  await fill(database)
  const settings = testSettings({ databaseUrl: database.url, bcryptRounds: rounds, logLevel: 'silent' })
  const server = await createServer({ settings })
  const times = await measure(await server.listen({ host: '127.0.0.1', port: 0 }))
  await server.close()
  const unknown = median(times.get('unknown') ?? [])
  process.stdout.write(`${users} users, ${logins} logins of each kind, BCRYPT_ROUNDS=${rounds}\n`)
  for (const [kind, values] of times) {
    const difference = 100 * (median(values) / unknown - 1)
    const verdict = Math.abs(difference) < AIM_PERCENT ? 'as aimed' : `more than ${AIM_PERCENT} %`
    process.stdout.write(`${kind}: median ${median(values).toFixed(1)} ms, ${difference.toFixed(2)} % (${verdict})\n`)
  }
} finally {
  await database.drop()
}
