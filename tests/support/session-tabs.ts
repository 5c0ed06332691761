/**
 * Creates sessions of the SDK that share a storage and a lock, like the tabs of a browser. The sessions use a model of the
 * service.
 */
import {
  ChatApiError,
  createSession,
  type Session,
  type SessionLock,
  type SessionOptions
} from '../../client/src/index.ts'
import { fakeTimers } from './fake-service.ts'
import { sessionService } from './session-service.ts'

export const LOGIN = { username: 'ada', password: 'SecurePass123' }

/** Returns a storage that several sessions can share, like `localStorage` in several tabs. */
const sharedStorage = () => {
  const entries = new Map<string, string>()
  return {
    entries,
    get: async (key: string) => entries.get(key),
    set: async (key: string, value: string) => void entries.set(key, value),
    remove: async (key: string) => void entries.delete(key),
    stored: () => JSON.parse(entries.get('fastify-chat:session') ?? 'null')
  }
}

/** Returns a lock that several sessions can share, like Web Locks in several tabs. */
const sharedLock = (): SessionLock => {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const result = last.then(work, work)
    last = result.catch(() => {})
    return result
  }
}

export const setUp = (lifetime = 1800) => {
  const service = sessionService({ lifetime })
  const timers = fakeTimers()
  const storage = sharedStorage()
  const lock = sharedLock()
  const tab = (options: Partial<SessionOptions> = {}): Session =>
    createSession({ url: 'http://chat.test', storage, lock, timers, fetch: service.fetch, ...options })
  return { service, timers, storage, tab }
}

export const failure = async (work: Promise<unknown>): Promise<ChatApiError> => {
  const error = await work.then(
    () => undefined,
    error => error
  )
  if (!(error instanceof ChatApiError)) throw new Error(`The call did not reject with a ChatApiError: ${error}`)
  return error
}
