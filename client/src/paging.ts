/** Loads a room's history page by page: older pages on request, and the newest page after a resync replaced the messages. */
import type { Timers } from './platform.ts'
import type { EntryList } from './protocol.ts'
import type { ReadHistory } from './read-history.ts'
import type { Timeline } from './timeline.ts'

const PAGE = 50

export interface PagingOptions {
  readonly read: ReadHistory
  readonly timeline: Timeline
  readonly timers: Timers
  /** Wait in milliseconds before `reload` tries again. */
  readonly retry: number
  /** Returns the epoch of the log, or undefined if it is not known yet. */
  readonly epoch: () => string | undefined
  /** Resolves when the position of `timeline` in the log is known, the subscription was refused, or the room was left. */
  readonly whenJoined: Promise<void>
  readonly onPage: (page: EntryList) => void
  readonly onChange: () => void
}

export interface Paging {
  readonly isLoading: boolean
  /** Whether the app has called `older`. */
  readonly isUsed: boolean
  /** Implements `Room.older`. */
  older(limit?: number): Promise<boolean>
  /**
   * Loads the newest page after a resync replaced the messages, if the app has loaded a page before. Retries until it succeeds.
   */
  reload(): void
  stop(): void
}

export const createPaging = ({ read, timeline, timers, ...options }: PagingOptions): Paging => {
  let loading: Promise<boolean> | undefined
  let pageSize = 0
  let loaded: number | undefined
  let cancel = () => {}

  const load = async (limit: number): Promise<boolean> => {
    await options.whenJoined
    for (;;) {
      const { first: before, generation } = timeline
      if (before !== undefined && !timeline.hasOlder) return false
      const page = await read({ limit, ...(before === undefined ? {} : { before }) })
      // The messages were replaced during the request, so the page belongs to the previous messages. Requests another page.
      if (generation !== timeline.generation) continue
      // The page is from another incarnation of the log, so it is not used. The connection also reports the new incarnation,
      // and then all messages are replaced.
      if (page.epoch !== (options.epoch() ?? page.epoch)) return timeline.hasOlder
      timeline.prepend(page)
      loaded = generation
      options.onPage(page)
      return timeline.hasOlder
    }
  }

  const older = (limit = PAGE): Promise<boolean> => {
    if (loading) return loading
    pageSize = limit
    loading = load(limit).finally(() => {
      loading = undefined
      options.onChange()
    })
    options.onChange()
    return loading
  }

  const reload = (): void => {
    cancel()
    if (pageSize === 0 || loaded === timeline.generation) return
    older(pageSize).catch(() => {
      cancel = timers.after(options.retry, reload)
    })
  }

  return {
    get isLoading() {
      return loading !== undefined
    },
    get isUsed() {
      return pageSize > 0
    },
    older,
    reload,
    stop() {
      cancel()
      pageSize = 0
    }
  }
}
