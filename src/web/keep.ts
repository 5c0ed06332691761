/** Stores one user's data in this browser: drafts, unsent messages and read marks. It is removed when the session ends. */
import type { WebStorage } from '../client/index.ts'

/** The data of one user. Once closed, it ignores writes: a client that ends late must not store anything again. */
export interface Keep {
  /** Lives as long as the tab, over reloads. */
  readonly tab: WebStorage
  /** Shared by all tabs. */
  readonly browser: WebStorage
  close(): void
}

/** The data of a user whose session has ended, in memory until the same user logs in again. */
export interface Held {
  readonly username: string
  readonly tab: readonly Entry[]
  readonly browser: readonly Entry[]
}

type Entry = readonly [key: string, value: string]

/** A path that no other service of the same origin has; the service at `/` has the plain form. */
const path = new URL('.', location.href).pathname
/** Before every key of the page. */
export const SPACE = path === '/' ? 'fastify-chat:' : `fastify-chat@${path}:`

interface Store extends WebStorage {
  keys(): string[]
}

/** Keeps entries in memory where the browser blocks storage, and drops what a full one refuses. */
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

const prefixOf = (username: string): string => `${SPACE}${username.toLowerCase()}:`

const scoped = (store: Store, prefix: string, isOpen = () => true): WebStorage => ({
  getItem: key => store.getItem(prefix + key),
  setItem: (key, value) => isOpen() && store.setItem(prefix + key, value),
  removeItem: key => isOpen() && store.removeItem(prefix + key)
})

export const openKeep = (username: string): Keep => {
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

/** The page's own entries, which belong to the tab and not to a user. */
export const tabStorage: WebStorage = scoped(tab, SPACE)

/** Removes everything that the page has stored, except the data of one user. */
export const forgetAll = (except?: string): void => {
  for (const store of [tab, browser]) {
    for (const key of store.keys()) {
      const isKept = except !== undefined && key.startsWith(prefixOf(except))
      if (key.startsWith(SPACE) && !isKept) store.removeItem(key)
    }
  }
}

/** Takes a user's data out of the storage. */
export const hold = (username: string): Held => {
  const take = (store: Store): Entry[] =>
    store.keys().flatMap(key => (key.startsWith(prefixOf(username)) ? [[key, store.getItem(key) ?? '']] : []))
  const held = { username, tab: take(tab), browser: take(browser) }
  forgetAll()
  return held
}

/** Puts it back, if it is the data of the user who logs in now. */
export const putBack = (held: Held | undefined, username: string): void => {
  if (held?.username.toLowerCase() !== username.toLowerCase()) return
  for (const [key, value] of held.tab) tab.setItem(key, value)
  for (const [key, value] of held.browser) browser.setItem(key, value)
}
