/** A room's history, page by page: the app asks for what is before its messages; after a replacement the newest page comes by itself. */
import type { ChatApi } from './api.ts'
import type { Timers } from './platform.ts'
import type { Message } from './room-types.ts'
import type { Timeline } from './timeline.ts'

const PAGE = 50

export interface PagingOptions {
  readonly room: string
  readonly history: ChatApi['history']
  readonly timeline: Timeline
  readonly timers: Timers
  /** The wait before a page is asked for again that must come, in milliseconds. */
  readonly retry: number
  /** The log's incarnation, once it is known. */
  readonly epoch: () => string | undefined
  /** Resolves when it is known where the room stands, or that it won't be. */
  readonly whenJoined: Promise<void>
  readonly toMessage: (entry: { readonly [field: string]: unknown }) => Message | undefined
  readonly onPage: (messages: readonly Message[]) => void
  readonly onChange: () => void
}

export interface Paging {
  readonly isLoading: boolean
  /** See `Room.older`. */
  older(limit?: number): Promise<boolean>
  /** The messages were replaced: loads the newest page, if the app had loaded one before; again and again until it is there. */
  reload(): void
  stop(): void
}

export const createPaging = ({ room, history, timeline, timers, ...options }: PagingOptions): Paging => {
  let loading: Promise<boolean> | undefined
  let pageSize = 0
  let loaded: number | undefined
  let cancel = () => {}

  const load = async (limit: number): Promise<boolean> => {
    await options.whenJoined
    for (;;) {
      const { first: before, generation } = timeline
      if (before !== undefined && !timeline.hasOlder) return false
      const page = await history(room, { limit, ...(before === undefined ? {} : { before }) })
      // Meanwhile another part of the log, or another log, took its place.
      if (generation !== timeline.generation) continue
      // The connection will say the same in a moment, and replace everything.
      if (page.epoch !== (options.epoch() ?? page.epoch)) return timeline.hasOlder
      const messages = page.messages.map(options.toMessage).filter(message => message !== undefined)
      timeline.prepend(messages, page.messages[0]?.seq, page.has_more)
      loaded = generation
      options.onPage(messages)
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
    older,
    reload,
    stop() {
      cancel()
      pageSize = 0
    }
  }
}
