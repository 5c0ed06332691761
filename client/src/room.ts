/** One room as an app sees it: its state, its events, its loops; composed of following, timeline, people and the outbox. */
import type { ChatApi } from './api.ts'
import { createEmitter } from './emitter.ts'
import { createFollowing, type Following, type Mark } from './following.ts'
import { messageOf } from './message.ts'
import type { Outbox } from './outbox.ts'
import { createPaging } from './paging.ts'
import { createPeople } from './people.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import { createQueues } from './queue.ts'
import type { Message, Outgoing, Refusal, Resync, Room, RoomEvents, RoomState } from './room-types.ts'
import type { Frame } from './socket.ts'
import { createTimeline } from './timeline.ts'
import type { Timing } from './types.ts'

/** Typing is said at most this often, in milliseconds; the service shows it for five seconds. */
const TYPING_MS = 3000

export interface RoomOptions {
  readonly name: string
  readonly api: Pick<ChatApi, 'history'>
  readonly outbox: Outbox
  readonly timers: Timers
  readonly timing: Timing
  readonly backfill: number
  readonly keep: number
  readonly send: (frame: ClientFrame) => boolean
  readonly nextRef: () => string
  readonly isOwn: (message: Message) => boolean
  readonly onMark: (mark: Mark) => void
  /** An entry of a kind that the SDK doesn't know. */
  readonly onUnknown: (frame: Frame) => void
  readonly onLeave: () => void
}

/** What the client does with a room, beside what the app does. */
export interface OwnedRoom extends Room, Pick<Following, 'restore' | 'online' | 'offline' | 'head'> {
  /** A frame of this room; answers whether it was known. */
  hear(frame: Frame): boolean
  /** An outgoing message changed, or (`undefined`) is gone. */
  outgoing(message: Outgoing | undefined): void
  /** Whether an entry of this `seq` is still to come. */
  isAhead(seq: number): boolean
  /** Ends the loops. */
  end(): void
}

export const createRoom = (options: RoomOptions): OwnedRoom => {
  const { name, api, outbox, timers, send } = options
  const events = createEmitter<RoomEvents>()
  const loops = createQueues<Message>()
  let status: RoomState['status'] = 'joining'
  let error: Refusal | undefined
  let snapshot: RoomState | undefined
  let isTold = true
  let typedAt = Number.NEGATIVE_INFINITY
  let joined = () => {}
  const whenJoined = new Promise<void>(resolve => {
    joined = resolve
  })

  const changed = (): void => {
    snapshot = undefined
    if (!isTold) return
    isTold = false
    queueMicrotask(() => {
      isTold = true
      events.emit('change', state())
    })
  }

  const timeline = createTimeline(options.keep, () => paging.isLoading)
  const people = createPeople(timers, changed)

  const state = (): RoomState => {
    snapshot ??= Object.freeze({
      status,
      ...(error ? { error } : {}),
      messages: timeline.messages,
      outgoing: Object.freeze(outbox.of(name)),
      hasOlder: timeline.hasOlder,
      isLoadingOlder: paging.isLoading,
      presence: people.presence,
      typing: people.typing
    })
    return snapshot
  }

  const enter = (next: RoomState['status'], why?: Refusal): void => {
    if (status === 'left') return
    if (next === 'refused') joined()
    if (status === next && error === why) return
    status = next
    error = why
    changed()
  }

  const deliver = (entry: { readonly [field: string]: unknown }): void => {
    const message = messageOf(entry)
    if (!message) return options.onUnknown(entry as Frame)
    timeline.append(message)
    if (options.isOwn(message)) outbox.seen(message)
    people.spoke(message.user_id)
    changed()
    events.emit('message', message)
    loops.push(message)
  }

  const resynced = (resync: Resync, oldest: number): void => {
    if (resync.isReplaced) {
      timeline.begin(resync.upTo, oldest)
      // Of another log the numbers say nothing.
      outbox.skip(name, resync.reason === 'epoch' || resync.reason === 'ahead' ? undefined : resync.upTo)
      changed()
      paging.reload()
    }
    events.emit('resync', resync)
  }

  const following = createFollowing({
    ...options,
    room: name,
    history: api.history,
    onEntry: deliver,
    onStatus: enter,
    onJoin(seq, oldest) {
      timeline.begin(seq, oldest)
      outbox.skip(name, seq)
      joined()
      changed()
    },
    onResync: resynced
  })

  const paging = createPaging({
    room: name,
    history: api.history,
    timeline,
    timers,
    retry: options.timing.gap,
    epoch: () => following.mark?.epoch,
    whenJoined,
    toMessage: messageOf,
    onPage(messages) {
      for (const message of messages) if (options.isOwn(message)) outbox.seen(message)
    },
    onChange: changed
  })

  return {
    name,
    get state() {
      return state()
    },
    send: (content, { meta } = {}) => outbox.add(name, content, meta),
    settled: outbox.settled,
    retry: outbox.retry,
    discard: outbox.discard,
    older: paging.older,
    typing() {
      // The service takes it from subscribers only.
      if (status === 'joining' || status === 'refused') return
      const now = timers.monotonic()
      if (now - typedAt >= TYPING_MS && send({ type: 'typing', room: name })) typedAt = now
    },
    messages() {
      const loop = loops.open()
      if (status === 'left') loops.end()
      return loop
    },
    leave() {
      if (status === 'left') return
      following.offline()
      enter('left')
      joined()
      loops.end()
      people.forget()
      paging.stop()
      outbox.skip(name)
      send({ type: 'unsubscribe', room: name, ref: options.nextRef() })
      options.onLeave()
    },
    on: events.on,
    restore(mark) {
      // Another user now: what the one before could read goes too.
      if (!mark && timeline.messages.length > 0) timeline.begin(0, 1)
      following.restore(mark)
      changed()
    },
    online: following.online,
    offline() {
      following.offline()
      people.forget()
    },
    head: following.head,
    hear(frame) {
      if (following.hear(frame) || people.hear(frame)) return true
      if (frame.type !== 'system') return false
      const { event, user_id, username } = frame as unknown as RoomEvents['person']
      events.emit('person', { event, user_id, username })
      return true
    },
    outgoing(message) {
      changed()
      if (message) events.emit('outgoing', message)
    },
    isAhead: seq => status !== 'left' && seq > (following.mark?.seq ?? 0),
    end: loops.end
  }
}
