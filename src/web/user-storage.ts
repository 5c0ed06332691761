/**
 * Stores one user's data in this browser: drafts, unsent messages and read positions. When the user logs out or the
 * session expires, the data is removed from the browser's storage.
 */
import type { WebStorage } from '../../client/src/index.ts'

/** The storage of one user. Ignores writes after `close`, so that a client that is still closing stores nothing. */
export interface UserStorage {
  /** The storage of this tab. The data is kept across reloads, and the browser removes it when the tab is closed. */
  readonly tab: WebStorage
  /** The storage that all tabs of this browser share. */
  readonly browser: WebStorage
  close(): void
}

/**
 * The data of a user whose session has expired. It is kept in memory until the next login, and restored if the same user logs
 * in.
 */
export interface UserData {
  readonly username: string
  readonly tab: readonly Entry[]
  readonly browser: readonly Entry[]
}

type Entry = readonly [key: string, value: string]

/** The path of the service. It distinguishes this service from other services of the same origin. */
const path = new URL('.', location.href).pathname
/** The prefix of every key that the page stores. For a service at `/`, the prefix contains no path. */
export const KEY_PREFIX = path === '/' ? 'fastify-chat:' : `fastify-chat@${path}:`

interface Store extends WebStorage {
  keys(): string[]
}

/**
 * Wraps a storage of the browser. If the browser blocks the storage, uses memory instead. If the storage is full, drops new
 * entries.
 */
const storeOf = (find: () => Storage): Store => {
  try {
    const storage = find()
    return {
      keys: () => Object.keys(storage),
      getItem: key => storage.getItem(key),
      setItem(key, value) {
        try {
          storage.setItem(key, value)
        } catch {}
      },
      removeItem: key => storage.removeItem(key)
    }
  } catch {
    const entries = new Map<string, string>()
    return {
      keys: () => [...entries.keys()],
      getItem: key => entries.get(key) ?? null,
      setItem: (key, value) => void entries.set(key, value),
      removeItem: key => void entries.delete(key)
    }
  }
}
const tab = storeOf(() => sessionStorage)
const browser = storeOf(() => localStorage)

const prefixOf = (username: string): string => `${KEY_PREFIX}${username.toLowerCase()}:`

const scoped = (store: Store, prefix: string, isOpen = () => true): WebStorage => ({
  getItem: key => store.getItem(prefix + key),
  setItem: (key, value) => isOpen() && store.setItem(prefix + key, value),
  removeItem: key => isOpen() && store.removeItem(prefix + key)
})

export const openUserStorage = (username: string): UserStorage => {
  let isOpen = true
  const scope = (store: Store): WebStorage => scoped(store, prefixOf(username), () => isOpen)
  return {
    tab: scope(tab),
    browser: scope(browser),
    close() {
      isOpen = false
    }
  }
}

/** The entries that belong to the browser or the tab, and not to a user. */
export const browserStorage: WebStorage = scoped(browser, KEY_PREFIX)
export const tabStorage: WebStorage = scoped(tab, KEY_PREFIX)

/** Removes everything that the page has stored, except the data of the user `except`. */
export const clearStorage = (except?: string): void => {
  for (const store of [tab, browser]) {
    for (const key of store.keys()) {
      const isKept = except !== undefined && key.startsWith(prefixOf(except))
      if (key.startsWith(KEY_PREFIX) && !isKept) store.removeItem(key)
    }
  }
}

/** Returns a user's data, and removes everything that the page has stored. */
export const takeUserData = (username: string): UserData => {
  const take = (store: Store): Entry[] =>
    store.keys().flatMap(key => (key.startsWith(prefixOf(username)) ? [[key, store.getItem(key) ?? '']] : []))
  const data = { username, tab: take(tab), browser: take(browser) }
  clearStorage()
  return data
}

/** Puts a user's data back into the storage, if the same user logs in again. */
export const restoreUserData = (data: UserData | undefined, username: string): void => {
  if (data?.username.toLowerCase() !== username.toLowerCase()) return
  for (const [key, value] of data.tab) tab.setItem(key, value)
  for (const [key, value] of data.browser) browser.setItem(key, value)
}
