/** Pauses an action between its checks and its write, so that a test can change the account in between. */
import type { ChatDatabase, Repositories } from '../../src/db/database.ts'

/**
 * The point at which an action is paused: before it begins a transaction, or before it calls a method of a repository, such as
 * `sessions.start`. Choose a method that is called before the transaction locks a row that the callback `between` changes.
 * Otherwise `between` would wait for this lock.
 */
export type PausePoint = 'transaction' | `${keyof Repositories}.${string}`

/** Returns a database that calls `between` once, the first time that an action reaches the point. */
export const pausedDatabase = (
  database: ChatDatabase,
  point: PausePoint,
  between: () => Promise<unknown>
): ChatDatabase => {
  let isReached = false
  const pause = async (): Promise<void> => {
    if (isReached) return
    isReached = true
    await between()
  }
  const [part, method] = point.split('.') as [keyof Repositories, string | undefined]

  const pausing = <R extends Repositories>(repositories: R): R => {
    if (method === undefined) return repositories
    const repository = repositories[part] as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
    const paused = async (...args: unknown[]): Promise<unknown> => {
      await pause()
      return repository[method]?.(...args)
    }
    return { ...repositories, [part]: { ...repository, [method]: paused } }
  }

  return {
    ...pausing(database),
    async transaction(work) {
      if (point === 'transaction') await pause()
      return database.transaction(repositories => work(pausing(repositories)))
    }
  }
}
