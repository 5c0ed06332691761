/** Access tokens that the user asked to be remembered: one file that only this user may read, newest first. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Whose token, for which service. */
export interface RememberedToken {
  readonly url: string
  readonly username: string
  readonly token: string
}

export interface Remembered {
  /** The newest one for a service, or that of one user (names differ by more than case). */
  find(url: string, username?: string): RememberedToken | undefined
  /** In place of what that user had. */
  keep(entry: RememberedToken): void
  forget(url: string, username: string): void
}

/** `directory` is the user's folder for configuration; the file is made by the first `keep`. */
export const createRemembered = (directory: string): Remembered => {
  const path = join(directory, 'fastify-chat', 'tokens.json')
  const others = (url: string, username: string): RememberedToken[] =>
    read(path).filter(one => one.url !== url || !isSame(one.username, username))
  return {
    find: (url, username) =>
      read(path).find(one => one.url === url && (username === undefined || isSame(one.username, username))),
    keep: entry => write(path, [entry, ...others(entry.url, entry.username)]),
    forget(url, username) {
      if (this.find(url, username)) write(path, others(url, username))
    }
  }
}

const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const read = (path: string): RememberedToken[] => {
  try {
    const entries: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Array.isArray(entries) ? entries.filter(isEntry) : []
  } catch {
    return []
  }
}

const isEntry = (value: unknown): value is RememberedToken => {
  const { url, username, token } = Object(value)
  return [url, username, token].every(field => typeof field === 'string')
}

/** Whole or not at all; the mode is right from the first byte on. */
const write = (path: string, entries: RememberedToken[]): void => {
  if (entries.length === 0) return rmSync(path, { force: true })
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(entries, null, 2)}\n`, { mode: 0o600 })
  chmodSync(draft, 0o600)
  renameSync(draft, path)
}
