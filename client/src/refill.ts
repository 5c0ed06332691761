/** Reads missed entries over HTTP. Used if more entries are missing than the service sends over the connection. */
import type { ChatApi } from './api.ts'
import { ChatApiError } from './errors.ts'
import type { Timers } from './platform.ts'
import type { Mark } from './subscription.ts'

/** Maximum number of entries per request. */
const PAGE = 1000

/** An entry as it arrives in a frame, or an item of a history page. */
export interface LogEntry {
  readonly [field: string]: unknown
}

export interface RefillOptions {
  readonly room: string
  readonly api: Pick<ChatApi, 'history' | 'log'>
  readonly timers: Timers
  /** Wait in milliseconds after a failure without `Retry-After`. */
  readonly retry: number
  readonly mark: () => Mark | undefined
  /** Called for each entry in order. */
  readonly onEntry: (seq: number, entry: LogEntry) => void
  /**
   * Called when reading has ended. After a failed request, called after a wait. The room then subscribes again, and the service
   * reports which entries are still missing.
   */
  readonly onDone: () => void
}

export interface Refill {
  readonly isRunning: boolean
  start(): void
  stop(): void
}

export const createRefill = ({ room, api, timers, retry, mark, onEntry, onDone }: RefillOptions): Refill => {
  let run = 0
  let isRunning = false
  let cancel = () => {}

  const finish = (): void => {
    isRunning = false
    onDone()
  }

  const request = async (): Promise<{ epoch: string; has_more: boolean; entries: readonly LogEntry[] }> => {
    const range = { after: mark()?.seq ?? 0, limit: PAGE }
    try {
      return await api.log(room, range)
    } catch (error) {
      if (!(error instanceof ChatApiError) || error.status !== 404) throw error
      // An earlier version of the service has no route for the log. Its log contains no changes of messages, so a list of
      // messages is complete.
      const { messages: entries, ...page } = await api.history(room, range)
      return { ...page, entries }
    }
  }

  /** Reads one page. Returns whether to read the next page. */
  const readPage = async (isCurrent: () => boolean): Promise<boolean> => {
    const { epoch, entries, has_more: hasMore } = await request()
    if (!isCurrent() || epoch !== mark()?.epoch) return false
    for (const entry of entries) {
      const next = (mark()?.seq ?? 0) + 1
      if (!isCurrent() || entry.seq !== next) return false
      onEntry(next, entry)
    }
    return hasMore && entries.length > 0
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
