/** Reads over HTTP what a room missed, when it is too much for the connection. */
import type { ChatApi } from './api.ts'
import { ChatApiError } from './errors.ts'
import type { Mark } from './following.ts'
import type { Timers } from './platform.ts'

/** Entries read at once. */
const PAGE = 1000

export interface RefillOptions {
  readonly room: string
  readonly history: ChatApi['history']
  readonly timers: Timers
  /** The wait after a failure that names none, in milliseconds. */
  readonly retry: number
  readonly mark: () => Mark | undefined
  /** The next entry. */
  readonly onEntry: (seq: number, entry: { readonly [field: string]: unknown }) => void
  /** As much was read as could be: the connection takes over, and says what is wrong if anything is. */
  readonly onDone: () => void
}

export interface Refill {
  readonly isRunning: boolean
  start(): void
  stop(): void
}

export const createRefill = ({ room, history, timers, retry, mark, onEntry, onDone }: RefillOptions): Refill => {
  let run = 0
  let isRunning = false
  let cancel = () => {}

  const finish = (): void => {
    isRunning = false
    onDone()
  }

  /** Answers whether there is more. */
  const readPage = async (isCurrent: () => boolean): Promise<boolean> => {
    const page = await history(room, { after: mark()?.seq ?? 0, limit: PAGE })
    if (!isCurrent() || page.epoch !== mark()?.epoch) return false
    for (const entry of page.messages) {
      if (!isCurrent() || entry.seq !== (mark()?.seq ?? 0) + 1) return false
      onEntry(entry.seq, entry)
    }
    return page.has_more && page.messages.length > 0
  }

  const read = async (isCurrent: () => boolean): Promise<void> => {
    try {
      while (isCurrent() && (await readPage(isCurrent)));
      if (isCurrent()) finish()
    } catch (error) {
      const wait = (error instanceof ChatApiError && error.retryAfterMs) || retry
      if (isCurrent()) cancel = timers.after(wait, finish)
    }
  }

  const stop = (): void => {
    run++
    isRunning = false
    cancel()
  }

  return {
    get isRunning() {
      return isRunning
    },
    start() {
      stop()
      isRunning = true
      const mine = run
      void read(() => mine === run)
    },
    stop
  }
}
