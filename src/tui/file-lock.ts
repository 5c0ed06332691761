/**
 * Lets one program at a time do something, with a lock file. The file of a program that was killed stays, so a waiting program
 * removes it when it has not changed for longer than any work takes.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { SessionLock } from '../../client/src/index.ts'
import { systemTimers } from '../../client/src/platform.ts'

/** How long the same program may hold the lock, in milliseconds. Longer than the timeout of the call that it makes. */
const STALE_MS = 15_000
const POLL_MS = 25

/** Creates the lock. `staleMs` is for tests. */
export const createFileLock = (path: string, staleMs = STALE_MS): SessionLock => {
  /** Creates the lock file with an id of its own. Returns false if another program has one. */
  const take = (id: string): boolean => {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      writeFileSync(path, id, { flag: 'wx', mode: 0o600 })
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    }
  }

  const acquire = async (id: string): Promise<void> => {
    const { monotonic, random } = systemTimers
    let owner: string | undefined
    let since = monotonic()
    while (!take(id)) {
      const now = ownerOf(path)
      if (now !== owner) since = monotonic()
      owner = now
      // Two programs may both find the lock stale, and then run at once. The service allows that: a session tolerates it.
      if (monotonic() - since > staleMs) rmSync(path, { force: true })
      else await wait(POLL_MS * (0.5 + random()))
    }
  }

  return async work => {
    const id = randomUUID()
    await acquire(id)
    try {
      return await work()
    } finally {
      if (ownerOf(path) === id) rmSync(path, { force: true })
    }
  }
}

const ownerOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
