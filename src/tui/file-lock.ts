/**
 * Creates a lock from a file, so that only one program at a time performs some work. A program that was killed leaves its lock
 * file behind. A waiting program therefore removes a lock file that has not changed for 15 seconds.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { SessionLock } from '../../client/src/index.ts'
import { systemTimers } from '../../client/src/platform.ts'

/**
 * Time in milliseconds after which an unchanged lock file is removed. It is longer than the timeout of the HTTP call that a
 * program makes while it holds the lock.
 */
const STALE_MS = 15_000
const POLL_MS = 25

/** Creates the lock. Only tests set `staleMs`. */
export const createFileLock = (path: string, staleMs = STALE_MS): SessionLock => {
  /** Creates the lock file with a unique id. Returns false if another program holds the lock. */
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
      // Two programs may remove the same lock file and then run at the same time. This is safe, because the service accepts the
      // same refresh token from two programs at the same time.
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
