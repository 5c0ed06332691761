/**
 * Three projects. `unit` needs nothing. `pglite` and `postgres` run the same *.db.test.ts files, each on its engine; files
 * named *.pg.test.ts are about what only a PostgreSQL server does. PostgreSQL is TEST_DATABASE_URL, or the one on this
 * machine; where there is none its project is left out, loudly, and under CI=true that is a failure.
 */
import { randomInt } from 'node:crypto'
import postgres from 'postgres'
import { defineConfig } from 'vitest/config'

/** The seed of every property test of this run; a worker process inherits it. See tests/support/properties.ts. */
process.env.PROPERTY_SEED ??= String(randomInt(2 ** 31))
process.stdout.write(`Property tests: PROPERTY_SEED=${process.env.PROPERTY_SEED}\n`)

const url = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'

const isReachable = async (): Promise<boolean> => {
  const sql = postgres(url, { max: 1, connect_timeout: 3, onnotice: () => {} })
  try {
    await sql`select 1`
    return true
  } catch {
    return false
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const hasPostgres = await isReachable()
if (!hasPostgres) {
  const told = 'No PostgreSQL answers at TEST_DATABASE_URL (or 127.0.0.1:5432)'
  if (process.env.CI === 'true') throw new Error(`${told}, and under CI=true every test must run.`)
  process.stderr.write(`\n*** SKIPPED: everything that needs a PostgreSQL server. ${told}. ***\n\n`)
}

const DB_TESTS = 'tests/**/*.db.test.ts'
const PG_TESTS = 'tests/**/*.pg.test.ts'
/** Only to end a test that hangs: a busy machine takes many times as long as an idle one. */
const shared = { testTimeout: 120_000, hookTimeout: 240_000, expect: { poll: { timeout: 60_000 } } }

const pglite = {
  test: {
    ...shared,
    name: 'pglite',
    include: [DB_TESTS],
    env: { TEST_ENGINE: 'pglite' },
    globalSetup: 'tests/support/pglite-template.ts'
  }
}

const onPostgres = {
  test: {
    ...shared,
    name: 'postgres',
    include: [DB_TESTS, PG_TESTS],
    env: { TEST_ENGINE: 'postgres', TEST_SERVER: url },
    globalSetup: 'tests/support/postgres-database.ts'
  }
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['tests/**/*.test.{ts,tsx}'],
          exclude: [DB_TESTS, PG_TESTS, '**/node_modules/**']
        }
      },
      pglite,
      ...(hasPostgres ? [onPostgres] : [])
    ]
  }
})
