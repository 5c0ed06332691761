/** Creates the database of a benchmark. */
import { randomBytes } from 'node:crypto'
import postgres, { type Sql } from 'postgres'
import { generateKey } from '../../src/crypto/fernet.ts'
import { nanosecondsOf } from './subjects.ts'

const SERVER_URL = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'

/** A new database, and the keys that all services on this database use. */
export interface BenchDatabase {
  readonly url: string
  readonly sql: Sql
  readonly secrets: Readonly<Record<string, string>>
  drop(): Promise<void>
}

/** Runs a statement on the server over a separate connection. */
const onServer = async (text: string) => {
  const sql = postgres(SERVER_URL, { max: 1, onnotice: () => {} })
  try {
    return await sql.unsafe(text)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const open = new Set<BenchDatabase>()

/** Drops the databases that a failed benchmark has left behind. */
export const dropDatabases = async (): Promise<void> => {
  for (const database of open) await database.drop()
}

/** Creates a new database, because the statistics of a shared database would include other clients. */
export const createBenchDatabase = async (): Promise<BenchDatabase> => {
  const name = `bench_${randomBytes(4).toString('hex')}`
  await onServer(`create database ${name}`)
  const url = new URL(SERVER_URL)
  url.pathname = name
  const sql = postgres(url.href, { max: 4, onnotice: () => {} })
  const database: BenchDatabase = {
    url: url.href,
    sql,
    secrets: { SECRET_KEY: generateKey(), ENCRYPTION_KEY: generateKey() },
    async drop() {
      open.delete(database)
      await sql.end({ timeout: 1 })
      await onServer(`drop database ${name} with (force)`)
    }
  }
  open.add(database)
  return database
}

/** Returns the CPU time of each database connection of the services so far, in nanoseconds, by the id of its server process. */
export const backendsOf = async (sql: Sql): Promise<Map<number, number>> => {
  const backends = await sql<{ pid: number }[]>`select pid from pg_stat_activity
    where datname = current_database() and application_name like 'fastify-chat%'`
  return new Map(backends.map(({ pid }) => [pid, nanosecondsOf(pid)]))
}

export const serverVersion = async (): Promise<string> =>
  String((await onServer('show server_version'))[0]?.server_version)
