/** Reads pages of history that include the effects of all entries that the room has received over the connection. */
import type { ChatApi, HistoryRange } from './api.ts'
import type { Timers } from './platform.ts'
import type { EntryList } from './protocol.ts'
import type { Mark } from './subscription.ts'

export interface ReadHistoryOptions {
  readonly room: string
  readonly history: ChatApi['history']
  readonly timers: Timers
  /** Delay in milliseconds before a page is requested again. */
  readonly retry: number
  readonly mark: () => Mark | undefined
  /** Whether the room still needs pages. */
  readonly isOpen: () => boolean
}

/**
 * Reads a page of messages that include the effects of all entries that the room had received before the request. Rejects with
 * a ChatApiError.
 */
export type ReadHistory = (range: HistoryRange) => Promise<EntryList>

export const createReadHistory =
  ({ room, history, timers, retry, mark, isOpen }: ReadHistoryOptions): ReadHistory =>
  async range => {
    for (;;) {
      const known = mark()
      const page = await history(room, range)
      // The page may come from a process that does not have the newest entries yet. In that case, requests the page again.
      if (!isOpen() || !known || page.epoch !== known.epoch || page.seq >= known.seq) return page
      await new Promise<void>(resolve => timers.after(retry, resolve))
    }
  }
