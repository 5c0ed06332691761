/** Stores the access tokens of `--remember` in one file, newest first. Only the owner of the file may read it. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** An access token with the service and the user it belongs to. */
export interface StoredToken {
  readonly url: string
  readonly username: string
  readonly token: string
}

export interface TokenStore {
  /**
   * Returns the newest token for a service. If `username` is given, returns the token of this user. Usernames are
   * case-insensitive.
   */
  find(url: string, username?: string): StoredToken | undefined
  /** Stores a token. Replaces the stored token of the same user for the same service. */
  save(entry: StoredToken): void
  remove(url: string, username: string): void
}

/** Creates a store below `directory`, the user's configuration folder. The first `save` creates the file. */
export const createTokenStore = (directory: string): TokenStore => {
  const path = join(directory, 'fastify-chat', 'tokens.json')
  const others = (url: string, username: string): StoredToken[] =>
    read(path).filter(one => one.url !== url || !isSame(one.username, username))
  return {
    find: (url, username) =>
      read(path).find(one => one.url === url && (username === undefined || isSame(one.username, username))),
    save: entry => write(path, [entry, ...others(entry.url, entry.username)]),
    remove(url, username) {
      if (this.find(url, username)) write(path, others(url, username))
    }
  }
}

const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const read = (path: string): StoredToken[] => {
  try {
    const entries: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Array.isArray(entries) ? entries.filter(isEntry) : []
  } catch {
    return []
  }
}

const isEntry = (value: unknown): value is StoredToken => {
  const { url, username, token } = Object(value)
  return [url, username, token].every(field => typeof field === 'string')
}

/**
 * Writes a temporary file with mode 0600 and renames it, so that the file is never incomplete or readable by others. Deletes
 * the file if there are no entries.
 */
const write = (path: string, entries: StoredToken[]): void => {
  if (entries.length === 0) return rmSync(path, { force: true })
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, `${JSON.stringify(entries, null, 2)}\n`, { mode: 0o600 })
  chmodSync(temporary, 0o600)
  renameSync(temporary, path)
}
