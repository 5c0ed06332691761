/** Keeps the sessions of `--remember` in one file, newest first. Only the owner of the file may read it. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SessionLock, Storage } from '../../client/src/index.ts'
import { createFileLock } from './file-lock.ts'

/**
 * A stored session, with the URL of its service and the name of its user. `session` is the text that the SDK stores. It
 * contains the tokens.
 */
export interface StoredSession {
  readonly url: string
  readonly username: string
  readonly session: string
}

export interface SessionFile {
  /**
   * Returns the newest session for a service. If `username` is given, returns the session of this user. Usernames are
   * case-insensitive.
   */
  find(url: string, username?: string): StoredSession | undefined
  /** Stores a session. Replaces the stored session of the same user for the same service. */
  save(entry: StoredSession): void
  remove(url: string, username: string): void
  /** Runs work while this program holds a file lock. Another program that uses the same lock waits. */
  readonly lock: SessionLock
}

/** Opens the file below `directory`, the user's configuration folder. The first `save` creates the file. */
export const openSessionFile = (directory: string): SessionFile => {
  const path = join(directory, 'fastify-chat', 'tokens.json')
  const others = (url: string, username: string): StoredSession[] =>
    read(path).filter(one => one.url !== url || !isSame(one.username, username))
  const find: SessionFile['find'] = (url, username) =>
    read(path).find(one => one.url === url && (username === undefined || isSame(one.username, username)))
  return {
    find,
    save: entry => write(path, [entry, ...others(entry.url, entry.username)]),
    remove(url, username) {
      if (find(url, username)) write(path, others(url, username))
    },
    lock: createFileLock(`${path}.lock`)
  }
}

/** Returns a storage for the SDK that keeps the sessions of one service in the file. `username` returns the current user. */
export const storageOf = (file: SessionFile, url: string, username: () => string | undefined): Storage => ({
  get: () => file.find(url, username())?.session,
  set: (_, session) => file.save({ url, username: username() ?? '', session }),
  remove: () => file.remove(url, username() ?? '')
})

const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const read = (path: string): StoredSession[] => {
  try {
    const entries: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Array.isArray(entries) ? entries.filter(isEntry) : []
  } catch {
    return []
  }
}

const isEntry = (value: unknown): value is StoredSession => {
  const { url, username, session } = Object(value)
  return [url, username, session].every(field => typeof field === 'string')
}

/**
 * Writes a temporary file with mode 0600 and renames it, so that the file is never incomplete or readable by others. Deletes
 * the file if there are no entries.
 */
const write = (path: string, entries: StoredSession[]): void => {
  if (entries.length === 0) return rmSync(path, { force: true })
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, `${JSON.stringify(entries, null, 2)}\n`, { mode: 0o600 })
  chmodSync(temporary, 0o600)
  renameSync(temporary, path)
}
