/**
 * How one room stays complete: it subscribes after the last entry that it has, counts, and subscribes again when an entry is
 * missing. Entries leave it in order, each once. What can't be resumed is read over HTTP, or skipped and said so.
 */
import type { ChatApi } from './api.ts'
import { PASSING } from './errors.ts'
import { createGapWatch } from './gap-watch.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import { createRefill } from './refill.ts'
import type { Refusal, Resync, RoomState } from './room-types.ts'
import type { Frame } from './socket.ts'
import type { Timing } from './types.ts'

/** How far a room was read, and in which incarnation of its log. */
export interface Mark {
  readonly seq: number
  readonly epoch: string
}

export interface FollowingOptions {
  readonly room: string
  readonly timers: Timers
  readonly timing: Pick<Timing, 'answer' | 'gap'>
  readonly backfill: number
  readonly send: (frame: ClientFrame) => boolean
  readonly history: ChatApi['history']
  readonly nextRef: () => string
  /** The next entry of the log: a durable frame, or an item of a list. */
  readonly onEntry: (entry: { readonly [field: string]: unknown }) => void
  readonly onStatus: (status: RoomState['status'], error?: Refusal) => void
  /** The room is joined for the first time; what is up to `seq` is history. */
  readonly onJoin: (seq: number, oldest: number) => void
  readonly onResync: (resync: Resync, oldest: number) => void
  readonly onMark: (mark: Mark) => void
}

export interface Following {
  readonly mark: Mark | undefined
  /** Begins where an earlier run ended, or with `undefined` anew. */
  restore(mark: Mark | undefined): void
  online(): void
  offline(): void
  /** A frame of this room; answers whether it was for the following. */
  hear(frame: Frame): boolean
  /** How far the service says that the room reaches. */
  head(seq: number): void
}

export const createFollowing = (options: FollowingOptions): Following => {
  const { room, timers, timing, send } = options
  let mark: Mark | undefined
  let ref: string | undefined
  let cancelAnswer = () => {}

  const cancel = (): void => {
    cancelAnswer()
    gap.stop()
    ref = undefined
  }

  const subscribe = (): void => {
    cancel()
    const next = options.nextRef()
    const since = mark ? { after: mark.seq, epoch: mark.epoch } : {}
    if (!send({ type: 'subscribe', room, ...since, ref: next })) return
    ref = next
    cancelAnswer = timers.after(timing.answer, subscribe)
  }

  const say = (): void => options.onStatus(mark && mark.seq >= gap.target ? 'live' : 'catching_up')

  const advance = (seq: number, entry: { readonly [field: string]: unknown }): void => {
    if (!mark) return
    mark = { seq, epoch: mark.epoch }
    gap.moved()
    options.onEntry(entry)
    options.onMark(mark)
    if (seq === gap.target) say()
  }

  const durable = (seq: number, frame: Frame): void => {
    if (!mark || refill.isRunning || seq <= mark.seq) return
    if (seq === mark.seq + 1) return advance(seq, frame)
    // A gap. If an answer is on its way, what is missing comes with it.
    if (ref === undefined) subscribe()
  }

  const subscribed = ({ seq, epoch, oldest }: Reach): void => {
    if (!mark) {
      mark = { seq, epoch }
      options.onJoin(seq, oldest)
      options.onMark(mark)
    }
    if (epoch !== mark.epoch) return replace('epoch', { seq, epoch, oldest })
    gap.expect(seq)
    say()
  }

  const replace = (reason: Resync['reason'], { seq, epoch, oldest }: Reach): void => {
    const after = mark?.seq ?? 0
    mark = { seq, epoch }
    gap.expect(seq)
    options.onResync({ reason, isReplaced: true, after, upTo: seq }, oldest)
    options.onMark(mark)
    say()
  }

  const resync = (reason: Resync['reason'], reach: Reach): void => {
    if (!mark) return subscribed(reach)
    const { seq: after, epoch } = mark
    const missed = reach.seq - after
    if (reason !== 'too_far' || epoch !== reach.epoch || missed > options.backfill) return replace(reason, reach)
    options.onStatus('catching_up')
    options.onResync({ reason, isReplaced: false, after, upTo: reach.seq }, reach.oldest)
    refill.start()
  }

  const refused = ({ code, detail, retry_after_ms }: Frame): void => {
    cancel()
    if (PASSING.includes(String(code))) {
      cancelAnswer = timers.after(Number(retry_after_ms ?? timing.gap), subscribe)
    } else options.onStatus('refused', { code: String(code), detail: String(detail) })
  }

  const gap = createGapWatch({ timers, gap: timing.gap, seq: () => mark?.seq ?? 0, onStuck: subscribe })
  const refill = createRefill({
    room,
    history: options.history,
    timers,
    retry: timing.gap,
    mark: () => mark,
    onEntry: advance,
    onDone: subscribe
  })

  return {
    get mark() {
      return mark
    },
    restore(earlier) {
      refill.stop()
      mark = earlier
      // Where there is a mark, `older()` can begin at once.
      if (earlier) options.onJoin(earlier.seq, 1)
      options.onStatus(earlier ? 'catching_up' : 'joining')
    },
    online() {
      options.onStatus(mark ? 'catching_up' : 'joining')
      subscribe()
    },
    offline() {
      refill.stop()
      cancel()
      options.onStatus(mark ? 'catching_up' : 'joining')
    },
    hear(frame) {
      const { type, seq } = frame
      if (type === 'error') {
        const isOurs = ref !== undefined && frame.ref === ref
        if (isOurs) refused(frame)
        return isOurs
      }
      if (type === 'subscribed' || type === 'resync') {
        // The answer to an earlier subscribe: another one is on its way.
        if (frame.ref !== undefined && frame.ref !== ref) return true
        cancel()
        if (type === 'subscribed') subscribed(frame as unknown as Reach)
        else resync(frame.reason as Resync['reason'], frame as unknown as Reach)
        return true
      }
      if (type === 'unsubscribed') {
        // With a ref it answers an earlier `leave()`.
        if (frame.ref !== undefined) return true
        cancel()
        options.onStatus('refused', {
          code: String(frame.reason ?? 'not_allowed'),
          detail: 'This room may not be read.'
        })
        return true
      }
      if (typeof seq !== 'number' || type === 'ack') return false
      durable(seq, frame)
      return true
    },
    head(seq) {
      if (!mark || refill.isRunning || ref !== undefined || seq === mark.seq) return
      if (seq > mark.seq) gap.expect(seq)
      // The log is shorter than we know: the service must say what it is now.
      else subscribe()
    }
  }
}

interface Reach {
  readonly seq: number
  readonly epoch: string
  readonly oldest: number
}
