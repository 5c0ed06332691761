/** Composes the client from a link (the connection), an outbox, a store and rooms, and dispatches frames to them. */
import { createChatApi } from './api.ts'
import { FRAME_TOO_BIG } from './close-action.ts'
import { createEmitter } from './emitter.ts'
import type { ChatApiError } from './errors.ts'
import { createLink } from './link.ts'
import { createOutbox } from './outbox.ts'
import type { PinCommand } from './outgoing.ts'
import { findWebSocket, systemTimers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import { createRoom } from './room.ts'
import type { OwnedRoom } from './room-options.ts'
import type { Frame } from './socket.ts'
import { createStore } from './store.ts'
import type { Mark } from './subscription.ts'
import { createTokens } from './tokens.ts'
import type { ChatClient, ChatClientOptions, ClientEvents, Identity, Timing } from './types.ts'

const TIMING: Timing = {
  backoffBase: 500,
  backoffMax: 30_000,
  stable: 10_000,
  connect: 10_000,
  pingInterval: 15_000,
  pongTimeout: 10_000,
  answer: 10_000,
  gap: 3000
}

/** Creates a client and connects it immediately. */
export const createChatClient = (options: ChatClientOptions): ChatClient => {
  const { timers = systemTimers, backfill = 10_000, keep = 1000 } = options
  const timing = { ...TIMING, ...options.timing }
  const base = options.url.replace(/\/+$/, '')
  const events = createEmitter<ClientEvents>()
  const onError = (error: Error): void => events.emit('error', error)
  const rooms = new Map<string, OwnedRoom>()
  let marks = marksOf()
  let identity: Identity | undefined
  let ownerId: number | undefined
  let refs = 0
  let isWanted = true

  const tokens = createTokens(options.token, timers.monotonic)
  const api = createChatApi({
    url: base,
    token: tokens.usable,
    timeout: timing.connect,
    timers,
    ...(options.fetch ? { fetch: options.fetch } : {})
  })
  const outbox = createOutbox({
    timers,
    timing,
    send: frame => (frame.type === 'pin' ? pin(frame) : link.send(frame as ClientFrame)),
    isAhead: (room, seq) => rooms.get(room)?.isAhead(seq) ?? false,
    onChange(room, message) {
      store.outboxChanged()
      rooms.get(room)?.outgoing(message)
    }
  })
  const store = createStore({
    storage: options.storage,
    key: options.storageKey ?? 'fastify-chat:',
    timers,
    onError,
    snapshot: () => ({ userId: ownerId, outgoing: outbox.all(), marks })
  })

  /** Sends a pin over HTTP. If there is no response, or the service refuses the token (401), the outbox sends the pin again. */
  const pin = ({ room, target, nonce, remove }: PinCommand): boolean => {
    if (link.state.status !== 'online') return false
    api.pin(room, target, { remove, nonce }).then(
      ({ seq }) => outbox.ack({ nonce, seq }),
      (error: ChatApiError) => {
        if (error.status !== 0 && error.status !== 401)
          outbox.refused({ ...error, nonce, retry_after_ms: error.retryAfterMs })
      }
    )
    return true
  }

  /**
   * Sets the user of the client. If the user has changed, discards the previous user's outgoing messages and the marks (last
   * received `seq`) of the rooms.
   */
  const setOwner = (userId: number): void => {
    if (ownerId !== undefined && ownerId !== userId) {
      outbox.clear()
      marks = marksOf()
      for (const room of rooms.values()) room.restore(undefined)
    }
    if (ownerId !== userId) store.outboxChanged()
    ownerId = userId
  }

  const handleGreeting = (frame: Frame): void => {
    const { user_id, username, limits, features = ['message'] } = frame as unknown as Identity
    setOwner(user_id)
    identity = Object.freeze({ user_id, username, limits, features })
    events.emit('identity', identity)
    // The rooms subscribe before the outbox sends, so that they receive the messages that the outbox sends.
    for (const room of rooms.values()) room.online()
    outbox.online(identity)
  }

  const handle = (frame: Frame): void => {
    const { type, room } = frame
    if (type === 'ack') return outbox.ack(frame)
    if (type === 'heads') return heads(frame.rooms as Record<string, number>)
    if (type === 'error' && outbox.refused(frame)) return
    if (rooms.get(String(room))?.handle(frame)) return
    if (type === 'error' && frame.ref !== INBOX_REF) return onError(new Error(`${frame.code}: ${frame.detail}`))
    if (!HANDLED.includes(type)) events.emit('frame', frame)
  }

  const heads = (known: Record<string, number>): void => {
    for (const [name, seq] of Object.entries(known)) rooms.get(name)?.head(seq)
  }

  const link = createLink({
    // The URL contains no token, because URLs are logged. The token is sent as a subprotocol.
    url: `${base.replace(/^http/, 'ws')}/ws/chat?rooms=`,
    tokens,
    api,
    findSocket: () => options.WebSocket ?? findWebSocket(),
    timers,
    timing,
    onGreeting: handleGreeting,
    onFrame: handle,
    onState: state => events.emit('state', state),
    onError,
    onLost(code) {
      outbox.offline(code === FRAME_TOO_BIG)
      for (const room of rooms.values()) room.offline()
    }
  })

  const open = (name: string): OwnedRoom => {
    const room = createRoom({
      name,
      api,
      outbox,
      timers,
      timing,
      backfill,
      keep,
      send: frame => link.send(frame),
      nextRef: () => `s${++refs}`,
      myId: () => identity?.user_id,
      onMark(mark) {
        marks[name] = mark
        store.marksChanged()
      },
      onRead: upTo => events.emit('read', { room: name, upTo }),
      onUnknown: frame => events.emit('frame', frame),
      onLeave: () => rooms.get(name) === room && rooms.delete(name)
    })
    rooms.set(name, room)
    room.restore(marks[name])
    if (link.state.status === 'online') room.online()
    return room
  }

  const start = async (): Promise<void> => {
    const stored = await store.load()
    ownerId = stored.userId
    marks = marksOf(stored.marks)
    outbox.restore(stored.outgoing ?? [])
    for (const room of rooms.values()) room.restore(marks[room.name])
    if (isWanted) link.connect()
  }

  const ready = start()

  const close = (): void => {
    isWanted = false
    for (const room of rooms.values()) room.flush()
    link.close()
    store.flush()
    for (const room of rooms.values()) room.end()
  }

  return {
    get state() {
      return link.state
    },
    get identity() {
      return identity
    },
    api,
    get rooms() {
      return [...rooms.values()].filter(isSubscribed)
    },
    room(name) {
      const room = rooms.get(name)
      // A room whose status is `left` is replaced by a new room. Until then, the old room stays in `rooms`, so that it can
      // report messages that the service refuses.
      return room && isSubscribed(room) ? room : open(name)
    },
    connect() {
      isWanted = true
      void ready.then(() => isWanted && link.connect())
    },
    send: frame => link.send(frame as ClientFrame),
    close,
    async forget() {
      close()
      await ready
      outbox.clear()
      marks = marksOf()
      await store.forget()
    },
    on: events.on
  }
}

const isSubscribed = ({ state }: OwnedRoom): boolean => state.status !== 'left'

/**
 * The `ref` of the frame that opens the inbox. An error with this `ref` is emitted as the event `frame`, which inbox.ts handles.
 */
const INBOX_REF = 'inbox'

/**
 * Copies the marks of the rooms into an object without a prototype. With a prototype, a room named `constructor` would seem to
 * have a mark.
 */
const marksOf = (stored: { readonly [room: string]: Mark } = {}): { [room: string]: Mark } =>
  Object.assign(Object.create(null), stored)

/** The types of frames that the SDK handles itself and doesn't emit as the event `frame`. */
const HANDLED = [
  'system',
  'message',
  'edit',
  'deletion',
  'reaction',
  'pin',
  'read',
  'membership',
  'room',
  'presence',
  'typing',
  'subscribed',
  'resync',
  'unsubscribed',
  'pong',
  'reconnect'
]
