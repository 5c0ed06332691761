/** What outlives the process, where the app gave a storage: unsent messages, and how far each room was read. */
import type { Mark } from './following.ts'
import type { Timers } from './platform.ts'
import type { Outgoing } from './room-types.ts'
import type { Storage, WebStorage } from './types.ts'

/** Marks change with every message; they are written at most this often, in milliseconds. */
const MARKS_MS = 1000

/** All that is kept. It belongs to one user: another one's is neither sent nor shown. */
export interface Kept {
  readonly userId: number | undefined
  readonly outgoing: readonly Outgoing[]
  readonly marks: { readonly [room: string]: Mark }
}

export interface StoreOptions {
  readonly storage: Storage | WebStorage | undefined
  readonly key: string
  readonly timers: Timers
  readonly onError: (error: Error) => void
  /** What is to be kept now. */
  readonly take: () => Kept
}

export interface Store {
  /** What an earlier run kept; nothing if it can't be read. */
  load(): Promise<Partial<Kept>>
  outboxChanged(): void
  marksChanged(): void
  /** Writes what waits. */
  flush(): void
  /** Removes everything, and writes nothing from now on; resolves when a slow storage has done so. */
  forget(): Promise<void>
}

const NOTHING_KEPT: Store = {
  load: async () => ({}),
  outboxChanged() {},
  marksChanged() {},
  flush() {},
  forget: async () => {}
}

export const createStore = ({ storage: given, key, timers, onError, take }: StoreOptions): Store => {
  if (!given) return NOTHING_KEPT
  const storage = asStorage(given)
  const [outboxKey, marksKey] = [`${key}outbox`, `${key}marks`]
  let isQueued = false
  let isForgotten = false
  let cancelMarks: (() => void) | undefined
  // One write after the other: an asynchronous storage might finish them in another order.
  let writing: Promise<unknown> | undefined

  const failed = (error: unknown): void => onError(error instanceof Error ? error : new Error(String(error)))

  const write = (at: string, value: object | undefined): void => {
    const put = () => (value ? storage.set(at, JSON.stringify(value)) : storage.remove(at))
    // At once if nothing is being written: a page may be closed in the next moment.
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
    write(outboxKey, unsent.length > 0 ? { userId, outgoing: unsent } : undefined)
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
      return { ...marks, ...outbox } as Partial<Kept>
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

const asStorage = (given: Storage | WebStorage): Storage =>
  'getItem' in given
    ? {
        get: key => given.getItem(key),
        set: (key, value) => given.setItem(key, value),
        remove: key => given.removeItem(key)
      }
    : given
