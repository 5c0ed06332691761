/**
 * Loads single messages of a room: messages that other messages reply to, and messages whose reactions can't be computed from
 * the log. Loads one message at a time, and none while the connection is lost.
 */
import { createBackoff } from './backoff.ts'
import { ChatApiError } from './errors.ts'
import type { Timers } from './platform.ts'
import type { ReadHistory } from './read-history.ts'
import type { Timeline } from './timeline.ts'
import type { Timing } from './types.ts'

/**
 * Maximum delay in milliseconds before messages are loaded. The delay is random, because many clients may need the same message
 * at the same time, and many reconnect at the same time.
 */
const JITTER_MS = 1000

/** Maximum number of queued messages. Above the maximum, the message that was added first is removed. */
const MAX_QUEUED = 100

/** Returns whether the same request may succeed later. A status of 0 means that there was no response. */
const isTemporary = (error: unknown): error is ChatApiError =>
  error instanceof ChatApiError && (error.status >= 500 || [0, 401, 408, 429].includes(error.status))

export interface SingleLoadsOptions {
  readonly read: ReadHistory
  readonly timeline: Pick<Timeline, 'generation' | 'replace'>
  readonly timers: Timers
  /** `gap` is the minimum delay after a failure, unless the service sends `Retry-After`. */
  readonly timing: Pick<Timing, 'gap' | 'backoffBase' | 'backoffMax'>
  readonly onChange: () => void
}

export interface SingleLoads {
  /** Whether a request is in progress. */
  readonly isLoading: boolean
  /**
   * Queues the message `seq`. Repeats the request after a temporary failure. Drops the message if the service refuses the
   * request, or if the timeline is replaced. If the queue is full, drops the message that was added first.
   */
  add(seq: number): void
  /** Starts or resumes loading. */
  online(): void
  /** Pauses loading. A request in progress may still succeed. */
  offline(): void
  /** Empties the queue and pauses loading. */
  stop(): void
}

/** Creates the queue, which is paused until the first call of `online`. */
export const createSingleLoads = ({ read, timeline, timers, timing, onChange }: SingleLoadsOptions): SingleLoads => {
  const queue = new Set<number>()
  const backoff = createBackoff(timers, timing)
  let isOnline = false
  let isLoading = false
  let generation = 0
  let notBefore = 0
  let cancel: (() => void) | undefined

  /** Empties the queue if the timeline was replaced since the last call. */
  const dropOutdated = (): void => {
    if (generation !== timeline.generation) queue.clear()
    generation = timeline.generation
  }

  const load = async (seq: number): Promise<void> => {
    const { generation } = timeline
    try {
      const page = await read({ after: seq - 1, before: seq + 1, view: 'messages', limit: 1 })
      backoff.reset()
      // If the timeline was replaced during the request, the response may be of another incarnation of the log. The message is
      // removed from the queue before `replace` is called, because `replace` may add it to the queue again.
      if (generation !== timeline.generation || !queue.delete(seq)) return
      timeline.replace(seq, page)
      onChange()
    } catch (error) {
      const isQueued = queue.delete(seq)
      if (!isTemporary(error)) return
      notBefore = timers.monotonic() + backoff.next(error.retryAfterMs ?? timing.gap)
      // Moves the message to the end, so that a message that can't be loaded does not block the others.
      if (isQueued) queue.add(seq)
    }
  }

  const run = async (): Promise<void> => {
    cancel = undefined
    isLoading = true
    while (isOnline && notBefore <= timers.monotonic()) {
      dropOutdated()
      const [seq] = queue
      if (seq === undefined) break
      await load(seq)
    }
    isLoading = false
    schedule()
  }

  const schedule = (): void => {
    if (isOnline && !isLoading && queue.size > 0)
      cancel ??= timers.after(Math.max(timers.random() * JITTER_MS, notBefore - timers.monotonic()), run)
  }

  const offline = (): void => {
    isOnline = false
    cancel?.()
    cancel = undefined
  }

  return {
    get isLoading() {
      return isLoading
    },
    add(seq) {
      dropOutdated()
      queue.add(seq)
      const [first] = queue
      if (queue.size > MAX_QUEUED && first !== undefined) queue.delete(first)
      schedule()
    },
    online() {
      isOnline = true
      schedule()
    },
    offline,
    stop() {
      queue.clear()
      offline()
    }
  }
}
