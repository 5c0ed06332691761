/**
 * Delivers the entries of one room in order, each once. Subscribes after the last received entry, checks each `seq`, and
 * subscribes again when an entry is missing. If the service doesn't send the missed entries over the connection, reports a
 * resync, and reads them over HTTP or skips them.
 */
import type { ChatApi } from './api.ts'
import { TEMPORARY_ERRORS } from './errors.ts'
import { createGapWatch, MAX_WAIT_MS } from './gap-watch.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import { createRefill, type LogEntry } from './refill.ts'
import type { Refusal, Resync, RoomState } from './room-types.ts'
import type { Frame } from './socket.ts'
import type { Timing } from './types.ts'

/**
 * How far the client has received the log of a room: the last received `seq`, and the incarnation of the log (`epoch`). The read
 * marks of users are in receipts.ts.
 */
export interface Mark {
  readonly seq: number
  readonly epoch: string
}

export interface SubscriptionOptions {
  readonly room: string
  readonly timers: Timers
  readonly timing: Pick<Timing, 'answer' | 'gap'>
  readonly backfill: number
  readonly send: (frame: ClientFrame) => boolean
  readonly api: Pick<ChatApi, 'history' | 'log'>
  readonly nextRef: () => string
  /** Called for each entry of the log, in order. An entry is a frame, or an item of a history page. */
  readonly onEntry: (entry: LogEntry) => void
  readonly onStatus: (status: RoomState['status'], error?: Refusal) => void
  /** Called when the service has ended the subscription permanently, for example because this user was removed. */
  readonly onRemoved: (why: Refusal) => void
  /**
   * Called with the `seq` after which entries are delivered. It is the last `seq` of the log at the first subscription, or the
   * `seq` of the mark passed to `restore`. Entries up to `seq` are history.
   */
  readonly onJoin: (seq: number, oldest: number) => void
  readonly onResync: (resync: Resync, oldest: number) => void
  readonly onMark: (mark: Mark) => void
}

export interface Subscription {
  readonly mark: Mark | undefined
  /**
   * Sets the mark that an earlier run of the app stored. The subscription continues after this mark. With undefined, the room
   * subscribes as if for the first time.
   */
  restore(mark: Mark | undefined): void
  online(): void
  offline(): void
  /** Handles a frame of this room. Returns false if the frame isn't about the subscription or the log. */
  handle(frame: Frame): boolean
  /** Handles the last `seq` of the room, from a `heads` frame. */
  head(seq: number): void
}

export const createSubscription = (options: SubscriptionOptions): Subscription => {
  const { room, timers, timing, send } = options
  let mark: Mark | undefined
  let ref: string | undefined
  let cancelTimeout = () => {}

  const cancel = (): void => {
    cancelTimeout()
    gap.stop()
    ref = undefined
  }

  /**
   * Subscribes after the last received entry. If no response arrives, sends another frame and ignores the response to the
   * previous one. The wait for a response doubles each time, so that even a slow service can respond in time.
   */
  const subscribe = (wait = timing.answer): void => {
    cancel()
    const next = options.nextRef()
    const since = mark ? { after: mark.seq, epoch: mark.epoch } : {}
    if (!send({ type: 'subscribe', room, ...since, ref: next })) return
    ref = next
    cancelTimeout = timers.after(wait, () => subscribe(Math.min(wait * 2, MAX_WAIT_MS)))
  }

  const reportStatus = (): void => options.onStatus(mark && mark.seq >= gap.target ? 'live' : 'catching_up')

  const advance = (seq: number, entry: LogEntry): void => {
    if (!mark) return
    mark = { seq, epoch: mark.epoch }
    gap.progress()
    options.onEntry(entry)
    options.onMark(mark)
    if (seq === gap.target) reportStatus()
  }

  const handleEntry = (seq: number, frame: Frame): void => {
    if (!mark || refill.isRunning || seq <= mark.seq) return
    if (seq === mark.seq + 1) return advance(seq, frame)
    // An entry is missing. If a subscribe frame is pending, its response delivers the entry.
    if (ref === undefined) subscribe()
  }

  const subscribed = ({ seq, epoch, oldest }: RoomHead): void => {
    if (!mark) {
      mark = { seq, epoch }
      options.onJoin(seq, oldest)
      options.onMark(mark)
    }
    if (epoch !== mark.epoch) return replace('epoch', { seq, epoch, oldest })
    gap.expect(seq)
    reportStatus()
  }

  const replace = (reason: Resync['reason'], { seq, epoch, oldest }: RoomHead): void => {
    const after = mark?.seq ?? 0
    mark = { seq, epoch }
    gap.expect(seq)
    options.onResync({ reason, isReplaced: true, after, upTo: seq }, oldest)
    options.onMark(mark)
    reportStatus()
  }

  const resync = (reason: Resync['reason'], reach: RoomHead): void => {
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
    if (TEMPORARY_ERRORS.includes(String(code))) {
      cancelTimeout = timers.after(Number(retry_after_ms ?? timing.gap), subscribe)
    } else options.onStatus('refused', { code: String(code), detail: String(detail) })
  }

  const gap = createGapWatch({ timers, gap: timing.gap, seq: () => mark?.seq ?? 0, onStuck: subscribe })
  const refill = createRefill({
    room,
    api: options.api,
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
      // With the mark of an earlier run, `older()` can load pages before the service confirms the subscription.
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
    handle(frame) {
      const { type, seq } = frame
      if (type === 'error') {
        const isOurs = ref !== undefined && frame.ref === ref
        if (isOurs) refused(frame)
        return isOurs
      }
      if (type === 'subscribed' || type === 'resync') {
        // Ignores the response to an earlier subscribe frame. The response to the latest one arrives later.
        if (frame.ref !== undefined && frame.ref !== ref) return true
        cancel()
        if (type === 'subscribed') subscribed(frame as unknown as RoomHead)
        else resync(frame.reason as Resync['reason'], frame as unknown as RoomHead)
        return true
      }
      if (type === 'unsubscribed') {
        // A frame with a `ref` is the response to `leave()` of an earlier room object. It does not end this subscription.
        if (frame.ref !== undefined) return true
        cancel()
        const code = String(frame.reason ?? 'not_allowed')
        const ended = ENDED[code]
        if (ended) options.onRemoved({ code, detail: ended })
        else options.onStatus('refused', { code, detail: 'You may not read this room.' })
        return true
      }
      if (typeof seq !== 'number' || type === 'ack') return false
      handleEntry(seq, frame)
      return true
    },
    head(seq) {
      if (!mark || refill.isRunning || ref !== undefined || seq === mark.seq) return
      if (seq > mark.seq) gap.expect(seq)
      // The log ends before the mark. The response to a new subscription reports the reason.
      else subscribe()
    }
  }
}

/** The reasons for which the service ends a subscription permanently. */
const ENDED: Readonly<Record<string, string | undefined>> = {
  removed: 'You are no longer a member of this room.',
  banned: 'You are banned from this room.',
  private: 'This room is private now.',
  deleted: 'This room was deleted.'
}

interface RoomHead {
  readonly seq: number
  readonly epoch: string
  readonly oldest: number
}
