/** One room as an app sees it: its state, its events, its loops; composed of following, timeline, people and the outbox. */
import type { ChatApi } from './api.ts'
import { createEmitter } from './emitter.ts'
import { createFollowing, type Following, type Mark } from './following.ts'
import type { Outbox } from './outbox.ts'
import { createPeople } from './people.ts'
import type { Timers } from './platform.ts'
import { createQueue, type Queue } from './queue.ts'
import type { Frame } from './socket.ts'
import { createTimeline } from './timeline.ts'
import type { Message, Outgoing, Refusal, Resync, Room, RoomEvents, RoomState, Timing } from './types.ts'

const PAGE = 50
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
  readonly send: (frame: object) => boolean
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
  const loops = new Set<Queue<Message>>()
  let status: RoomState['status'] = 'joining'
  let error: Refusal | undefined
  let snapshot: RoomState | undefined
  let isTold = true
  let loading: Promise<boolean> | undefined
  let pageSize = 0
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

  const timeline = createTimeline(options.keep, () => loading !== undefined)
  const people = createPeople(timers, changed)

  const state = (): RoomState => {
    snapshot ??= Object.freeze({
      status,
      ...(error ? { error } : {}),
      messages: timeline.messages,
      outgoing: Object.freeze(outbox.of(name)),
      hasOlder: timeline.hasOlder,
      isLoadingOlder: loading !== undefined,
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
    for (const loop of loops) loop.push(message)
  }

  const resynced = (resync: Resync, oldest: number): void => {
    if (resync.isReplaced) {
      timeline.begin(resync.upTo, oldest)
      // Of another log the numbers say nothing.
      outbox.skip(name, resync.reason === 'epoch' || resync.reason === 'ahead' ? undefined : resync.upTo)
      changed()
      reload()
    }
    events.emit('resync', resync)
  }

  /** Loads the newest page again, where the app had loaded one; over and over until it is there. */
  const reload = (): void => {
    if (pageSize === 0 || timeline.messages.length > 0) return
    const { generation } = timeline
    older(pageSize).catch(() => {
      timers.after(options.timing.gap, () => {
        if (status !== 'left' && generation === timeline.generation) reload()
      })
    })
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

  const loadOlder = async (limit: number): Promise<boolean> => {
    await whenJoined
    for (;;) {
      const { first: before, generation } = timeline
      if (before !== undefined && !timeline.hasOlder) return false
      const page = await api.history(name, { limit, ...(before === undefined ? {} : { before }) })
      // Meanwhile another log took its place.
      if (generation !== timeline.generation) continue
      const { mark } = following
      if (mark && page.epoch !== mark.epoch) return timeline.hasOlder
      const messages = page.messages.map(entry => Object.freeze(entry))
      timeline.prepend(messages, page.has_more)
      for (const message of messages) if (options.isOwn(message)) outbox.seen(message)
      return timeline.hasOlder
    }
  }

  const older = (limit = PAGE): Promise<boolean> => {
    if (loading) return loading
    pageSize = limit
    loading = loadOlder(limit).finally(() => {
      loading = undefined
      changed()
    })
    changed()
    return loading
  }

  const end = (): void => {
    for (const loop of [...loops]) loop.end()
  }

  return {
    name,
    get state() {
      return state()
    },
    send: (content, { meta } = {}) => outbox.add(name, content, meta),
    settled: outbox.settled,
    retry: outbox.retry,
    discard: outbox.discard,
    older,
    typing() {
      const now = timers.now()
      if (now - typedAt >= TYPING_MS && send({ type: 'typing', room: name })) typedAt = now
    },
    messages() {
      const loop = createQueue<Message>(one => loops.delete(one))
      loops.add(loop)
      if (status === 'left') loop.end()
      return loop
    },
    leave() {
      if (status === 'left') return
      following.offline()
      enter('left')
      joined()
      end()
      people.forget()
      outbox.skip(name)
      send({ type: 'unsubscribe', room: name, ref: options.nextRef() })
      options.onLeave()
    },
    on: events.on,
    restore: following.restore,
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
    end
  }
}

/** A durable frame, or an item of a list, as a message; undefined if it is an entry of another kind. */
const messageOf = (entry: { readonly [field: string]: unknown }): Message | undefined => {
  const { type = 'message', timestamp, ...fields } = entry
  if (type !== 'message') return undefined
  return Object.freeze({ ...fields, created_at: fields.created_at ?? timestamp }) as unknown as Message
}
