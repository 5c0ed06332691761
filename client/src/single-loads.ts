/**
 * Loads single messages of a room: messages that other messages reply to, and messages whose reactions can't be computed from
 * the log.
 */
import type { Timers } from './platform.ts'
import type { ReadHistory } from './read-history.ts'
import type { Timeline } from './timeline.ts'

/**
 * Maximum delay in milliseconds before a message is loaded. The delay is random, because many clients may need the same message
 * at the same time.
 */
const JITTER_MS = 1000

export interface SingleLoadsOptions {
  readonly read: ReadHistory
  readonly timeline: Timeline
  readonly timers: Timers
  /** Delay in milliseconds after a failure. */
  readonly retry: number
  readonly onChange: () => void
}

export interface SingleLoads {
  readonly isLoading: boolean
  /** Loads the message `seq`. Retries until it succeeds, or until `stop` is called. */
  add(seq: number): void
  stop(): void
}

export const createSingleLoads = ({ read, timeline, timers, retry, onChange }: SingleLoadsOptions): SingleLoads => {
  const missing = new Set<number>()
  let isLoading = false
  let cancel: (() => void) | undefined

  const load = async (): Promise<void> => {
    for (const seq of missing) {
      const { generation } = timeline
      const page = await read({ after: seq - 1, before: seq + 1, view: 'messages', limit: 1 })
      // If the timeline was replaced during the request, the response may be of another incarnation of the log.
      if (!missing.delete(seq) || generation !== timeline.generation) continue
      timeline.replace(seq, page)
      onChange()
    }
  }

  const schedule = (ms: number): void => {
    cancel = timers.after(ms, async () => {
      isLoading = true
      const isDone = await load().then(
        () => true,
        () => false
      )
      isLoading = false
      cancel = undefined
      if (missing.size > 0) schedule(isDone ? 0 : retry)
    })
  }

  return {
    get isLoading() {
      return isLoading
    },
    add(seq) {
      missing.add(seq)
      if (!cancel) schedule(timers.random() * JITTER_MS)
    },
    stop() {
      missing.clear()
      if (!isLoading) cancel?.()
      if (!isLoading) cancel = undefined
    }
  }
}
