/** Reads missed entries over HTTP, when there are more than the connection can resume. */
import type { ChatApi } from './api.ts'
import { ChatApiError } from './errors.ts'
import type { Timers } from './platform.ts'
import type { Mark } from './subscription.ts'

/** Maximum number of entries per request. */
const PAGE = 1000

export interface RefillOptions {
  readonly room: string
  readonly history: ChatApi['history']
  readonly timers: Timers
  /** Wait in milliseconds after a failure without `Retry-After`. */
  readonly retry: number
  readonly mark: () => Mark | undefined
  /** Called for each entry in order. */
  readonly onEntry: (seq: number, entry: { readonly [field: string]: unknown }) => void
  /**
   * Called when reading has ended, or after the wait that follows a failure. The room then subscribes again, and the service
   * reports which entries are still missing.
   */
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

  /** Reads one page. Returns whether there are more pages. */
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
