/**
 * Keeps the tokens of a session. With a storage, all tabs and programs that use the storage share the tokens. In cookie mode,
 * each tab keeps the tokens in memory, and sends new ones to the other tabs over a BroadcastChannel. Without cookie mode and
 * storage, keeps the tokens in memory.
 */
import { systemTimers, type Timers } from './platform.ts'
import type { SessionLock, SessionOptions } from './session-types.ts'
import { asStorage } from './store.ts'

/** The tokens of a session. `expiresAt` is the end of the access token, in milliseconds since the epoch. */
export interface SessionTokens {
  readonly sessionId?: string
  readonly refreshToken?: string
  readonly accessToken?: string
  readonly expiresAt?: number
}

export interface Vault {
  /** Returns the newest tokens. Undefined if there is no session. */
  read(): Promise<SessionTokens | undefined>
  write(tokens: SessionTokens): Promise<void>
  /** Removes the tokens. If the user has logged out (`isLogOut`), the session also ends in the other tabs. */
  remove(isLogOut: boolean): Promise<void>
  readonly lock: SessionLock
}

/**
 * Maximum wait for the lock in milliseconds. It is longer than the default timeout of the call that the owner of the lock makes.
 */
const LOCK_MS = 15_000

/** The parts of Web Locks and BroadcastChannel that are used. */
interface Shared {
  readonly navigator?: {
    readonly locks?: {
      request<Result>(name: string, options: object, work: () => Promise<Result>): Promise<Result>
    }
  }
  readonly BroadcastChannel?: new (
    name: string
  ) => {
    onmessage: ((event: { readonly data: SessionTokens }) => void) | null
    postMessage(tokens: SessionTokens): void
  }
}

/**
 * Creates the vault of a session. In cookie mode, calls `onForeign` with the tokens that another tab has received. Calls it
 * with an empty object when the user has logged out in another tab.
 */
export const createVault = (options: SessionOptions, onForeign: (tokens: SessionTokens) => void): Vault => {
  const { storage, storageKey: key = 'fastify-chat:session', isCookieMode = false } = options
  const name = `${key}@${options.url}`
  const isShared = isCookieMode || storage !== undefined
  const lock = options.lock ?? (isShared ? webLock(name, options.timers ?? systemTimers) : undefined) ?? createQueue()
  if (isCookieMode) return { ...cookieVault(name, onForeign), lock }
  if (storage) return { ...storageVault(asStorage(storage), key), lock }
  return { ...memoryVault(), lock }
}

const memoryVault = (): Omit<Vault, 'lock'> => {
  let kept: SessionTokens | undefined
  return {
    read: async () => kept,
    async write(tokens) {
      kept = tokens
    },
    async remove() {
      kept = undefined
    }
  }
}

const storageVault = (storage: ReturnType<typeof asStorage>, key: string): Omit<Vault, 'lock'> => ({
  read: async () => parse(await storage.get(key)),
  write: async tokens => void (await storage.set(key, JSON.stringify(tokens))),
  remove: async () => void (await storage.remove(key))
})

const parse = (text: string | null | undefined): SessionTokens | undefined => {
  try {
    const tokens: unknown = JSON.parse(text ?? 'null')
    return tokens === null || typeof tokens !== 'object' ? undefined : tokens
  } catch {
    return undefined
  }
}

/**
 * Keeps the access token in memory. The refresh token is in the cookie. `read` returns an object even if there is no session,
 * because only the service can read the cookie.
 */
const cookieVault = (name: string, onForeign: (tokens: SessionTokens) => void): Omit<Vault, 'lock'> => {
  const { BroadcastChannel } = globalThis as unknown as Shared
  const tabs = BroadcastChannel && new BroadcastChannel(name)
  let kept: SessionTokens = {}
  if (tabs) {
    tabs.onmessage = ({ data }) => {
      kept = data
      onForeign(data)
    }
  }
  return {
    read: async () => kept,
    async write(tokens) {
      kept = tokens
      tabs?.postMessage(tokens)
    },
    async remove(isLogOut) {
      kept = {}
      if (isLogOut) tabs?.postMessage(kept)
    }
  }
}

/**
 * Returns a lock across all tabs, or undefined if the platform has none. If the browser has frozen the tab that holds the lock,
 * the work runs without the lock after `LOCK_MS`. This is safe, because the service accepts the same refresh token from two
 * tabs at the same time.
 */
const webLock = (name: string, timers: Timers): SessionLock | undefined => {
  const locks = (globalThis as unknown as Shared).navigator?.locks
  if (!locks) return undefined
  return async work => {
    const abort = new AbortController()
    const stop = timers.after(LOCK_MS, () => abort.abort())
    try {
      return await locks.request(name, { signal: abort.signal }, () => {
        stop()
        return work()
      })
    } catch (error) {
      if (abort.signal.aborted) return work()
      throw error
    } finally {
      stop()
    }
  }
}

/** Returns a lock that works only within this program. */
const createQueue = (): SessionLock => {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const result = last.then(work, work)
    last = result.catch(() => {})
    return result
  }
}
