/**
 * Runs the service twice on one PostgreSQL schema, each with its own pool, like two processes. Lets two requests reach the same
 * rows at the same time.
 */
import postgres from 'postgres'
import { expect, inject, onTestFinished } from 'vitest'
import { createMemoryBus } from '../../src/bus/drivers/memory.ts'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { type RunningChat, type StartOptions, startChat } from './start-chat.ts'

export interface TwoProcesses {
  readonly one: RunningChat
  readonly two: RunningChat
  /** Runs a statement. `@` stands for the schema. */
  sql<Row extends object>(text: string, params?: unknown[]): Promise<Row[]>
  /**
   * Sends two requests that both wait for locked rows before they write. Another transaction executes `held` to lock these rows.
   * The transaction is rolled back when both requests wait. By default, `held` locks all users, links and challenges.
   */
  race<Result>(first: () => Promise<Result>, second: () => Promise<Result>, held?: string[]): Promise<[Result, Result]>
}

const ROWS = ['users', 'one_time_tokens', 'challenges'].map(table => `select from @${table} for update`)

/** Options of both processes. If `isNotified` is false, the processes do not notify each other. */
interface TwoOptions extends Omit<StartOptions, 'database' | 'bus'> {
  readonly isNotified?: boolean
}

export const startTwoProcesses = async ({ isNotified = true, ...options }: TwoOptions = {}): Promise<TwoProcesses> => {
  const withBus = () => (isNotified ? options : { ...options, bus: createMemoryBus() })
  const one = await startChat(withBus())
  const { client, schema } = one.database
  const other = await openClient({ url: inject('testDatabaseUrl'), listenUrl: inject('testListenUrl'), poolMax: 5 })
  onTestFinished(() => other.close())
  const two = await startChat({ ...withBus(), database: createDatabase(other, schema) })
  const inSchema = (text: string): string => text.replaceAll('@', `"${schema}".`)

  const waiting = async (): Promise<number> => {
    const [row] = await client.query<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
       where wait_event_type = 'Lock' and query like '%"' || $1 || '"%'`,
      [schema]
    )
    return row?.count ?? 0
  }

  return {
    one,
    two,
    sql: (text, params) => client.query(inSchema(text), params),
    async race(first, second, held = ROWS) {
      const holder = postgres(inject('testListenUrl'), { max: 1, onnotice: () => {} })
      onTestFinished(() => holder.end({ timeout: 1 }))
      await holder.unsafe('begin')
      for (const text of held) await holder.unsafe(inSchema(text))
      const both = Promise.all([first(), second()])
      await expect.poll(waiting, { interval: 10 }).toBe(2)
      await holder.unsafe('rollback')
      return both
    }
  }
}
