/**
 * Implements the public `Room`: its state, its events and the loops over `messages()`. Composes the subscription, the timeline,
 * people and the outbox.
 */
import { createEmitter } from './emitter.ts'
import { withEntry } from './fold.ts'
import { changeOf, type Erasure, erasureOf, messageOf, withErasure } from './message.ts'
import { type Draft, isChange } from './outgoing.ts'
import { createPaging } from './paging.ts'
import { createPeople } from './people.ts'
import type { MembershipFrame, RoomFrame } from './protocol.ts'
import { createQueues } from './queue.ts'
import { reactionKeyOf } from './reaction-key.ts'
import { createReadHistory } from './read-history.ts'
import { createReceipts } from './receipts.ts'
import type { LogEntry } from './refill.ts'
import type { OwnedRoom, RoomOptions } from './room-options.ts'
import type {
  Message,
  MessageChange,
  Outgoing,
  Refusal,
  Resync,
  RoomEvents,
  RoomSettings,
  RoomState
} from './room-types.ts'
import { createSingleLoads } from './single-loads.ts'
import type { Frame } from './socket.ts'
import { createSubscription } from './subscription.ts'
import { createTimeline } from './timeline.ts'

/** The fields of a room that entries of type `room` change. */
const SETTINGS: readonly string[] = ['title', 'topic', 'slow_mode_seconds', 'archived', 'invite', 'retention_days']
/** The service shows the read marks of other users only in rooms with at most this number of members. */
const RECEIPT_MEMBERS = 100
/** The reasons of a refusal that mean that this user may not read the room. */
const UNREADABLE = ['room_not_found', 'not_allowed', 'removed', 'banned', 'private', 'deleted']

/** Minimum time in milliseconds between typing frames. The service shows typing for five seconds. */
const TYPING_MS = 3000

export const createRoom = (options: RoomOptions): OwnedRoom => {
  const { name, api, outbox, timers, send } = options
  const isMe = (userId: number): boolean => userId === options.myId()
  const events = createEmitter<RoomEvents>()
  const loops = createQueues<Message>()
  let status: RoomState['status'] = 'joining'
  let error: Refusal | undefined
  let details: RoomSettings = {}
  let snapshot: RoomState | undefined
  let isNotified = true
  let isForgotten = false
  let typedAt = Number.NEGATIVE_INFINITY
  let joined = () => {}
  const whenJoined = new Promise<void>(resolve => {
    joined = resolve
  })

  const changed = (): void => {
    snapshot = undefined
    if (!isNotified) return
    isNotified = false
    queueMicrotask(() => {
      isNotified = true
      events.emit('change', state())
    })
  }

  const timeline = createTimeline({
    keep: options.keep,
    isLoading: () => paging.isLoading || singleLoads.isLoading,
    isMe,
    onMissing: seq => paging.isUsed && singleLoads.add(seq)
  })
  const people = createPeople(timers, changed)
  const receipts = createReceipts({
    ...options,
    room: name,
    epoch: () => subscription.mark?.epoch,
    onChange: changed
  })

  const state = (): RoomState => {
    snapshot ??= Object.freeze({
      status,
      ...(error ? { error } : {}),
      ...details,
      messages: timeline.messages,
      outgoing: Object.freeze(outbox.of(name).filter(one => !isChange(one))),
      changes: Object.freeze(outbox.of(name).filter(isChange)),
      hasOlder: timeline.hasOlder,
      oldest: timeline.oldest,
      isLoadingOlder: paging.isLoading,
      reads: receipts.reads,
      presence: people.presence,
      typing: people.typing
    })
    return snapshot
  }

  /** Removes the content that this user may no longer read. Older messages can't be loaded anymore. */
  const forget = (): void => {
    isForgotten = true
    timeline.begin(subscription.mark?.seq ?? 0, Number.POSITIVE_INFINITY)
    details = {}
    receipts.clear()
  }

  /** Allows older messages to be loaded again after `forget`. */
  const remember = (): void => {
    isForgotten = false
    timeline.begin(subscription.mark?.seq ?? 0, 1)
    changed()
  }

  const setStatus = (next: RoomState['status'], why?: Refusal): void => {
    if (status === 'left') return
    if (next === 'refused') joined()
    if (why && UNREADABLE.includes(why.code)) forget()
    else if (isForgotten && next !== 'left') remember()
    if (status === next && error === why) return
    status = next
    error = why
    changed()
  }

  const erase = (erasure: Erasure): void => {
    timeline.erase(erasure)
    loops.replace(message => withErasure(message, erasure))
    changed()
    events.emit('erasure', erasure)
  }

  const change = (entry: MessageChange): void => {
    timeline.change(entry)
    loops.replace(message => withEntry(message, entry))
    delivered(entry)
    changed()
    events.emit('update', entry)
  }

  const describe = (entry: RoomFrame): void => {
    const given = Object.entries(entry).filter(([field]) => SETTINGS.includes(field))
    details = { ...details, ...Object.fromEntries(given) }
    if (entry.slow_mode_seconds != null) outbox.hurry(name)
    changed()
    events.emit('room', entry)
  }

  /** Removes an outgoing message or change after its entry was delivered. */
  const delivered = (entry: Pick<Message, 'user_id' | 'nonce' | 'seq'>): void => {
    if (entry.nonce !== undefined && isMe(entry.user_id)) outbox.seen(entry)
  }

  const deliver = (entry: LogEntry): void => {
    apply(entry)
    // The service stores no entry for an outgoing change that has no effect, such as a reaction that already exists. The
    // acknowledgement then contains the `seq` of an earlier entry. `delivered` doesn't remove such a change, so `skip` removes
    // it.
    outbox.skip(name, subscription.mark?.seq ?? 0)
  }

  const apply = (entry: LogEntry): void => {
    const erasure = erasureOf(entry)
    if (erasure) return erase(erasure)
    const changing = changeOf(entry)
    if (changing) return change(changing)
    if (entry.type === 'membership') {
      const frame = entry as unknown as MembershipFrame
      // The role of this user may have changed, and slow mode does not apply to moderators.
      if (isMe(frame.subject)) outbox.hurry(name)
      return events.emit('membership', frame)
    }
    if (entry.type === 'room') return describe(entry as unknown as RoomFrame)
    const given = messageOf(entry)
    if (!given) return options.onUnknown(entry as Frame)
    const message = timeline.append(given)
    delivered(message)
    people.stopTyping(message.user_id)
    changed()
    events.emit('message', message)
    loops.push(message)
  }

  const resynced = (resync: Resync, oldest: number): void => {
    if (resync.isReplaced) {
      timeline.begin(resync.upTo, oldest)
      // The skipped entries may have changed the settings, so the known settings are discarded.
      details = {}
      const isOtherLog = resync.reason === 'epoch' || resync.reason === 'ahead'
      if (isOtherLog) receipts.clear()
      // If the log was replaced, a `seq` of the former log can't be compared with `upTo`, so all messages with the status `sent`
      // are removed.
      outbox.skip(name, isOtherLog ? undefined : resync.upTo)
      changed()
      paging.reload()
    }
    events.emit('resync', resync)
  }

  const subscription = createSubscription({
    ...options,
    room: name,
    onEntry: deliver,
    onStatus: setStatus,
    onRemoved(why) {
      end(why)
      events.emit('removed', why)
    },
    onJoin(seq, oldest) {
      timeline.begin(seq, oldest)
      outbox.skip(name, seq)
      joined()
      changed()
    },
    onResync: resynced
  })

  const retry = options.timing.gap
  const read = createReadHistory({
    room: name,
    history: api.history,
    timers,
    retry,
    mark: () => subscription.mark,
    isOpen: () => status !== 'left'
  })
  const paging = createPaging({
    read,
    timeline,
    timers,
    retry,
    epoch: () => subscription.mark?.epoch,
    whenJoined,
    onPage: ({ messages }) => messages.forEach(delivered),
    onChange: changed
  })
  const singleLoads = createSingleLoads({ read, timeline, timers, timing: options.timing, onChange: changed })

  const add = (draft: Omit<Draft, 'room'>): Outgoing => outbox.add({ ...draft, room: name })
  const setOwn = (): void =>
    timeline.setOwn(
      outbox
        .of(name)
        .filter(isChange)
        .filter(one => one.status !== 'failed')
    )
  setOwn()

  const mark = (upTo: number | undefined): void => {
    if (status === 'left') return
    receipts.mark(upTo)
    options.onRead(upTo)
  }

  /** Ends the subscription permanently. */
  const end = (why?: Refusal): void => {
    receipts.flush()
    receipts.offline()
    subscription.offline()
    setStatus('left', why)
    joined()
    loops.end()
    people.clear()
    paging.stop()
    singleLoads.stop()
    outbox.skip(name)
  }

  return {
    name,
    get state() {
      return state()
    },
    send: (content, options = {}) => add({ type: 'message', content, ...options }),
    edit: (target, content, options = {}) => add({ type: 'edit', target, content, ...options }),
    delete: (target, options = {}) => add({ type: 'delete', target, content: '', ...options }),
    // The service returns keys in NFC and without U+FE0F, so the client sends them in the same form.
    react: (target, key, options = {}) =>
      add({ type: 'react', target, content: '', key: reactionKeyOf(key), ...options }),
    pin: (target, options = {}) => add({ type: 'pin', target, content: '', ...options }),
    settled: outbox.settled,
    retry: outbox.retry,
    discard: outbox.discard,
    older: paging.older,
    // The service limits a mark to the newest entry, so this client does the same. Otherwise, only this client would show later
    // messages as read.
    markRead: (upTo, newest = subscription.mark?.seq) => newest && mark(Math.min(upTo ?? newest, newest)),
    markUnread: () => mark(undefined),
    async loadReads() {
      // Requests later marks before loading the current ones, so that no mark is missed in between.
      receipts.use()
      const { members } = await api.members(name, { limit: RECEIPT_MEMBERS })
      receipts.add(members)
    },
    typing() {
      // The service accepts typing frames only from subscribers.
      if (status !== 'live' && status !== 'catching_up') return
      const now = timers.monotonic()
      if (now - typedAt >= TYPING_MS && send({ type: 'typing', room: name })) typedAt = now
    },
    messages() {
      const loop = loops.open()
      if (status === 'left') loops.end()
      return loop
    },
    leave() {
      if (status !== 'left') {
        end()
        send({ type: 'unsubscribe', room: name, ref: options.nextRef() })
      }
      options.onLeave()
    },
    on: events.on,
    restore(mark) {
      // If another user has logged in, the client calls `restore` without a mark. The new user may not be allowed to read the
      // messages, so everything is removed.
      if (!mark) {
        if (timeline.messages.length > 0) timeline.begin(0, 1)
        receipts.clear()
        loops.clear()
        details = {}
      }
      subscription.restore(mark)
      changed()
    },
    online() {
      if (status === 'left') return
      subscription.online()
      singleLoads.online()
      receipts.online()
    },
    offline() {
      subscription.offline()
      singleLoads.offline()
      receipts.offline()
      people.clear()
    },
    head(seq) {
      if (status !== 'left') subscription.head(seq)
    },
    handle(frame) {
      if (status === 'left') return false
      if (subscription.handle(frame) || people.handle(frame) || receipts.handle(frame)) return true
      if (frame.type !== 'system') return false
      const { event, user_id, username } = frame as unknown as RoomEvents['person']
      events.emit('person', { event, user_id, username })
      return true
    },
    outgoing(message) {
      setOwn()
      changed()
      if (message) events.emit('outgoing', message)
    },
    isAhead: seq => status !== 'left' && seq > (subscription.mark?.seq ?? 0),
    flush: receipts.flush,
    end: loops.end
  }
}
