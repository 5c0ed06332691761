/**
 * Configures the tests in three tiers, each with a script of its own:
 * - `test:unit`: files named *.test.ts. They need no database, start no process and build no bundle (tests/boundaries.test.ts).
 * - `test:db`: *.db.test.ts files on PGlite and on PostgreSQL, and *.pg.test.ts files on PostgreSQL only.
 * - `test:e2e`: *.e2e.test.ts files start processes or a browser, or build bundles; *.pg.e2e.test.ts files need PostgreSQL as well.
 *
 * The tests use the PostgreSQL server at TEST_DATABASE_URL, or the one on this machine. If there is no server, the run skips
 * the tests that need PostgreSQL and prints a message. With CI=true, the run fails.
 *
 * If PostgreSQL is available, PGlite runs only the tests of the database layer: everything above that layer is the same, and
 * PGlite takes more CPU time. With CI=true or `--project pglite`, PGlite runs all *.db.test.ts files except HTTP_TESTS.
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

/** The projects that `--project` names. Without this option, all projects run. */
const selected = process.argv.flatMap((argument, at, all) => {
  if (argument === '--project') return all[at + 1] ?? []
  return argument.startsWith('--project=') ? argument.slice('--project='.length) : []
})
const needsPostgres = selected.length === 0 || !selected.every(name => name === 'unit' || name === 'pglite')
const hasPostgres = await isReachable()
if (!hasPostgres && needsPostgres) {
  const reason = 'No PostgreSQL server is reachable at TEST_DATABASE_URL (or 127.0.0.1:5432)'
  if (process.env.CI === 'true') throw new Error(`${reason}, and with CI=true every test must run.`)
  process.stderr.write(`\n*** SKIPPED: everything that needs a PostgreSQL server. ${reason}. ***\n\n`)
}

const DB_TESTS = 'tests/**/*.db.test.ts'
const PG_TESTS = 'tests/**/*.pg.test.ts'
/**
 * Tests of the HTTP server: parsing, limits, order, backpressure and CORS. They run on PGlite only if there is no PostgreSQL,
 * because their SQL (register, log in, read a room) is also the SQL of tests/accounts and tests/routes.
 */
const HTTP_TESTS = 'tests/http/{cors,limits,malformed,stalled,turns,unread-body}.db.test.ts'
const E2E_TESTS = 'tests/**/*.e2e.test.ts'
const PG_E2E_TESTS = 'tests/**/*.pg.e2e.test.ts'
const runsAllOnPglite = !hasPostgres || process.env.CI === 'true' || process.argv.includes('--project')
if (!runsAllOnPglite) process.stdout.write('PGlite: only the tests of the database layer. CI=true runs all.\n')
/** Ends a test that hangs. A busy machine takes many times as long as an idle one. */
const limits = { testTimeout: 120_000, hookTimeout: 240_000, expect: { poll: { timeout: 60_000 } } }
/**
 * The test files of a worker share modules, because importing the modules again for each file takes longer than most tests.
 */
const shared = { ...limits, isolate: false }
const withDatabase = { ...shared, setupFiles: 'tests/support/database-setup.ts' }
const onPostgres = {
  globalSetup: 'tests/support/postgres-database.ts',
  env: { TEST_ENGINE: 'postgres', TEST_SERVER: url }
}
const onPglite = { env: { TEST_ENGINE: 'pglite' } }

const unit = {
  test: {
    ...shared,
    name: 'unit',
    include: ['tests/**/*.test.{ts,tsx}'],
    exclude: [DB_TESTS, PG_TESTS, E2E_TESTS, '**/node_modules/**']
  }
}
const pglite = {
  test: {
    ...withDatabase,
    ...onPglite,
    name: 'pglite',
    include: [runsAllOnPglite ? DB_TESTS : 'tests/db/**/*.db.test.ts'],
    exclude: hasPostgres ? [HTTP_TESTS] : []
  }
}
const postgresql = { test: { ...withDatabase, ...onPostgres, name: 'postgres', include: [DB_TESTS, PG_TESTS] } }
const e2e = {
  test: {
    ...withDatabase,
    ...(hasPostgres ? onPostgres : onPglite),
    name: 'e2e',
    include: [E2E_TESTS],
    exclude: hasPostgres ? [] : [PG_E2E_TESTS]
  }
}

export default defineConfig({
  // Tests wait for more than half of their time, so four workers keep two cores busy.
  test: { maxWorkers: 4, projects: [unit, pglite, ...(hasPostgres ? [postgresql] : []), e2e] }
})
