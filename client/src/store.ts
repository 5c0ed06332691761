/**
 * Persists the unsent messages and changes, and the mark (last received `seq`) of each room, in the storage of the app. Without a
 * storage, persists nothing.
 */

import { isChange } from './outgoing.ts'
import type { Timers } from './platform.ts'
import type { Outgoing } from './room-types.ts'
import type { Mark } from './subscription.ts'
import type { Storage, WebStorage } from './types.ts'

/** Minimum time in milliseconds between writes of the marks, which change with every message. */
const MARKS_MS = 1000

/** The stored data of one user. The client of another user must neither send nor show this data. */
export interface StoredData {
  readonly userId: number | undefined
  readonly outgoing: readonly Outgoing[]
  readonly marks: { readonly [room: string]: Mark }
}

export interface StoreOptions {
  readonly storage: Storage | WebStorage | undefined
  readonly key: string
  readonly timers: Timers
  readonly onError: (error: Error) => void
  /** Returns the data to store. */
  readonly snapshot: () => StoredData
}

export interface Store {
  /** Reads the stored data. Omits what can't be read, and reports the error to `onError`. */
  load(): Promise<Partial<StoredData>>
  outboxChanged(): void
  marksChanged(): void
  /** Writes pending changes at once. */
  flush(): void
  /** Removes all stored data, and writes nothing afterwards. Resolves when an asynchronous storage has finished. */
  forget(): Promise<void>
}

const NO_STORE: Store = {
  load: async () => ({}),
  outboxChanged() {},
  marksChanged() {},
  flush() {},
  forget: async () => {}
}

export const createStore = ({ storage: given, key, timers, onError, snapshot: take }: StoreOptions): Store => {
  if (!given) return NO_STORE
  const storage = asStorage(given)
  const [outboxKey, marksKey] = [`${key}outbox`, `${key}marks`]
  let isQueued = false
  let isForgotten = false
  let cancelMarks: (() => void) | undefined
  // The write in progress, if the storage is asynchronous. Writes run one after another, because such a storage might complete
  // concurrent writes in another order.
  let writing: Promise<unknown> | undefined

  const failed = (error: unknown): void => onError(error instanceof Error ? error : new Error(String(error)))

  const write = (at: string, value: object | undefined): void => {
    const put = () => (value ? storage.set(at, JSON.stringify(value)) : storage.remove(at))
    // Runs synchronously if no write is in progress, because the page may be closed immediately afterwards.
    const run = (): unknown => {
      try {
        return put()
      } catch (error) {
        failed(error)
      }
    }
    const result = writing ? writing.then(run) : run()
    if (!(result instanceof Promise)) return
    const mine = result.catch(failed).finally(() => {
      if (writing === mine) writing = undefined
    })
    writing = mine
  }

  const writeOutbox = (): void => {
    isQueued = false
    if (isForgotten) return
    const { userId, outgoing } = take()
    const unsent = outgoing.filter(({ status }) => status !== 'sent')
    // Messages and changes are in separate lists. If a change were in the list of messages, an earlier version of the SDK
    // would send it as a message.
    const messages = unsent.filter(one => !isChange(one))
    const changes = unsent.filter(isChange)
    const more = changes.length > 0 ? { changes } : {}
    write(outboxKey, unsent.length > 0 ? { userId, outgoing: messages, ...more } : undefined)
  }

  const writeMarks = (): void => {
    cancelMarks?.()
    cancelMarks = undefined
    const { userId, marks } = take()
    write(marksKey, { userId, marks })
  }

  const read = async (at: string): Promise<Record<string, unknown>> => {
    try {
      return Object(JSON.parse((await storage.get(at)) ?? 'null'))
    } catch (error) {
      failed(error)
      return {}
    }
  }

  return {
    async load() {
      const [outbox, marks] = await Promise.all([read(outboxKey), read(marksKey)])
      const outgoing = [outbox.outgoing, outbox.changes].flatMap(list => (Array.isArray(list) ? list : []))
      return { ...marks, ...outbox, outgoing } as Partial<StoredData>
    },
    outboxChanged() {
      if (isQueued || isForgotten) return
      isQueued = true
      queueMicrotask(writeOutbox)
    },
    marksChanged() {
      if (!isForgotten) cancelMarks ??= timers.after(MARKS_MS, writeMarks)
    },
    flush() {
      if (isQueued) writeOutbox()
      if (cancelMarks) writeMarks()
    },
    async forget() {
      isForgotten = true
      cancelMarks?.()
      cancelMarks = undefined
      write(outboxKey, undefined)
      write(marksKey, undefined)
      await writing
    }
  }
}

export const asStorage = (given: Storage | WebStorage): Storage =>
  'getItem' in given
    ? {
        get: key => given.getItem(key),
        set: (key, value) => given.setItem(key, value),
        remove: key => given.removeItem(key)
      }
    : given
