/**
 * One socket's state machine: open until it ends for one reason, then silent. It knows frames, its session and how much
 * waits to be read by its client; of rooms it only holds the subscriptions.
 */
import type { Clock } from '../../lib/clock.ts'
import { timestamp } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { CLOSE, type CloseCode } from '../../protocol/close-codes.ts'
import { ChatError, type ErrorCode } from '../../protocol/errors.ts'
import type { AuthFrame, ClientFrame, ServerFrame } from '../../protocol/frames.ts'
import type { Principal } from '../access/authorize.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import { decodeFrame, type FrameMarks, marksOf } from './decode.ts'
import { costOf, createFrameQuota, type FrameQuota } from './frame-quota.ts'
import { createInbox } from './inbox.ts'
import { createLifetime, type Lifetime } from './lifetime.ts'
import { createLiveness, type Liveness } from './liveness.ts'
import { type Chunk, chunkOf, type Encoded, encode, type WritableSocket, write } from './socket-writer.ts'
import { createTaskQueue, type Task } from './task-queue.ts'

/** The most bytes that may wait for a slow reader. Past half of it, what only matters now is dropped. */
const MAX_QUEUED_BYTES = 1024 * 1024
/** Catching up reads on while no more than this waits. */
const ROOM_BYTES = MAX_QUEUED_BYTES / 4
/** So many frames may wait for one before them; then the client is not read from. */
const MAX_BEHIND = 32

/** Refusals by a limit, which an operator wants to see. */
const LIMITS: ReadonlySet<ErrorCode> = new Set([
  'rate_limited',
  'busy',
  'flooding',
  'message_too_long',
  'too_many_rooms',
  'too_many_connections'
])

/** Who is behind a connection, and until when. */
export interface AuthenticatedPrincipal extends Principal {
  /** Wall-clock time: milliseconds since the epoch. */
  readonly expiresAt: number
  /**
   * When it began to be asked who this is, in monotonic time: whoever was disconnected after that may not connect with the
   * answer.
   */
  readonly askedAt?: number | undefined
}

/** The part of a `ws` socket that a connection uses. */
export interface Socket extends WritableSocket {
  ping(): void
  pause(): void
  resume(): void
  close(code: number, reason: string): void
  terminate(): void
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): unknown
  on(event: 'pong' | 'ping' | 'close', listener: () => void): unknown
}

/** A frame that the chat answers, not the connection. */
export type ChatFrame = Exclude<ClientFrame, { type: 'auth' | 'ping' }>

/** A frame as `ws` read it. */
interface InboundFrame {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** What a connection asks of the service around it. */
export interface ConnectionHost {
  readonly clock: Clock
  readonly maxFrameBytes: number
  /** How many bytes a second a connection may send; 0, the default, for no limit. */
  readonly bytesPerSecond?: number
  /** How long a client may live on that doesn't speak `chat.v1`, in milliseconds; 0 until its token expires. By default a day. */
  readonly legacyLifetimeMs?: number
  /** Acts on a frame, or refuses it with a ChatError; answers a promise where something has to be waited for first. */
  act(connection: Connection, frame: ChatFrame): void | Promise<void>
  /** Verifies a token; rejects with a ChatError. */
  authenticate(token: string): Promise<AuthenticatedPrincipal>
  /** The connection takes no more part; its socket may still be closing. Called once. */
  ended(connection: Connection): void
  /** The socket is closed. Called once. */
  closed(connection: Connection): void
}

/** What is known of a connection when its socket opens. */
export interface ConnectionOptions {
  readonly socket: Socket
  readonly session: AuthenticatedPrincipal
  /** Whether the client chose the subprotocol `chat.v1`, and with it expiry by the token. */
  readonly speaksV1: boolean
  /** The client's address, for the limits per address. */
  readonly address: string
  /** The rooms to follow from the start, by name. */
  readonly rooms: readonly string[]
  /** Those of them that were found not to exist. */
  readonly absent?: ReadonlySet<string> | undefined
  readonly log: Log
}

/** One client's connection. */
export class Connection {
  readonly address: string
  readonly log: Log
  /** By the room's name. */
  readonly subscriptions = new Map<string, Subscription>()
  session: AuthenticatedPrincipal
  readonly #socket: Socket
  readonly #host: ConnectionHost
  readonly quota: FrameQuota
  readonly #lifetime: Lifetime
  readonly #liveness: Liveness
  readonly #inbox = createInbox<InboundFrame>({
    handle: frame => this.#handle(frame),
    bytesOf: ({ data }) => data.length,
    mayHandle: () => this.#mayHandle(),
    onHeld: () => this.#pause(),
    onEmpty: () => this.#drained()
  })
  readonly #tasks = createTaskQueue<FrameMarks>({
    onRefused: (error, marks) => this.#refused(error, marks),
    onWaiting: () => this.#waiting(),
    onIdle: () => this.#drained()
  })
  #answers: Encoded[] = []
  #isPaused = false
  #isEnded = false
  #isRevoked = false
  #isFlooding = false

  constructor({ socket, session, speaksV1, address, log }: ConnectionOptions, host: ConnectionHost) {
    this.#socket = socket
    this.#host = host
    this.session = session
    this.address = address
    this.log = log
    const { clock, bytesPerSecond = 0, legacyLifetimeMs } = host
    this.#lifetime = createLifetime({ clock, speaksV1, expiresAt: session.expiresAt, legacyLifetimeMs })
    this.#liveness = createLiveness(clock, socket)
    this.quota = createFrameQuota({ clock, bytesPerSecond, bytesRead: this.#bytesRead })
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('pong', () => this.#control())
    socket.on('ping', () => this.#control())
    socket._socket?.on('drain', () => this.#drained())
    socket.on('close', () => {
      this.#end()
      host.closed(this)
    })
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Whether little enough waits that catching up may read on. */
  get hasRoom(): boolean {
    return !this.#isEnded && this.#socket.bufferedAmount <= ROOM_BYTES
  }

  /** Writes a part of a log, unless the queue is full; answers whether it did. */
  write(chunk: Chunk): boolean {
    if (this.#isEnded) return false
    this.#flush()
    const waiting = this.#socket.bufferedAmount
    if (waiting > 0 && waiting + chunk.bytes.length > MAX_QUEUED_BYTES) return false
    write(this.#socket, chunk)
    return true
  }

  /** Sends what only matters now, unless half of the queue is used; returns whether it did. */
  hint(frame: Encoded): boolean {
    if (this.#isEnded) return false
    this.#flush()
    if (this.#socket.bufferedAmount > MAX_QUEUED_BYTES / 2) return false
    write(this.#socket, chunkOf([frame]))
    return true
  }

  /** Sends the answer to a frame: all of a turn of the loop in one write, before anything else that is written. */
  reply(frame: Encoded): void {
    if (this.#isEnded) return
    this.#answers.push(frame)
    if (this.#answers.length === 1) queueMicrotask(() => this.#flush())
  }

  /** Writes what waits. A client that sends without reading is not read from until it has caught up. */
  #flush(): void {
    if (this.#answers.length === 0) return
    const chunk = chunkOf(this.#answers)
    this.#answers = []
    write(this.#socket, chunk)
    if (this.#socket.bufferedAmount > MAX_QUEUED_BYTES) this.#pause()
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#socket.pause()
  }

  send(frame: ServerFrame): void {
    if (!this.#isEnded) this.reply(encode(JSON.stringify(frame)))
  }

  /** Tells the client what was wrong with a frame; the connection stays. */
  refuse(error: ChatError, marks: FrameMarks = {}): void {
    if (LIMITS.has(error.code)) {
      this.log.warn({ user_id: this.session.userId, code: error.code }, 'a frame was refused by a limit')
    }
    const retry = error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }
    this.send({ type: 'error', code: error.word, detail: error.detail, ...marks, ...retry })
  }

  /** Ends the connection with a close code. Nothing is sent or read after it. */
  close({ code, reason }: CloseCode): void {
    if (code === CLOSE.tokenExpired.code) this.#isRevoked = true
    if (this.#isEnded) return
    this.#flush()
    this.#end()
    // A paused socket would not see the client's answer.
    if (this.#isPaused) this.#socket.resume()
    this.#socket.close(code, reason)
  }

  /** Drops the socket without waiting for the client. */
  terminate(): void {
    this.#end()
    this.#socket.terminate()
  }

  /** To be called about once a second: pings, and ends what is silent, stuck or expired. */
  tick(): void {
    if (this.#isEnded) return
    if (this.#lifetime.isOver) return this.close(CLOSE.tokenExpired)
    const health = this.#liveness.check(!this.#isPaused)
    if (health === 'silent') return this.terminate()
    if (health === 'alive') return this.#drained()
    this.log.warn({ user_id: this.session.userId }, 'a client reads too slowly and was closed')
    this.close(CLOSE.tooSlow)
  }

  #drained(): void {
    if (!this.hasRoom) return
    this.#inbox.proceed()
    if (this.#isPaused && this.#tasks.length < MAX_BEHIND && !this.#inbox.isHolding) {
      this.#isPaused = false
      this.#socket.resume()
    }
    for (const subscription of this.subscriptions.values()) subscription.resume()
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (!this.#charge(this.#isEnded ? 1 : 0) || this.#isEnded) return
    this.#liveness.heard()
    // Our own `ws` refuses such a frame before; a host's may allow more.
    if (data.length > this.#host.maxFrameBytes) return this.close(CLOSE.frameTooBig)
    this.#inbox.add({ data, isBinary })
  }

  #handle({ data, isBinary }: InboundFrame): void {
    const decoded = decodeFrame(isBinary ? '' : data.toString())
    const isMessage = decoded.kind === 'frame' && decoded.frame.type === 'message'
    // A message that was sent before its sender left counts as sent; not so that of someone who was sent away.
    if (this.#isEnded && (!isMessage || this.#isRevoked)) return
    if (!this.#charge(decoded.kind === 'frame' ? costOf(decoded.frame.type) : 1)) return
    if (decoded.kind === 'refused') this.refuse(decoded.error, decoded.marks)
    if (decoded.kind !== 'frame') return
    const { frame } = decoded
    if (frame.type === 'auth') void this.#authenticate(frame)
    else if (frame.type === 'ping') this.send({ type: 'pong', ...(frame.ref === undefined ? {} : { ref: frame.ref }) })
    else this.#act(frame)
  }

  /** A protocol ping, to which `ws` responds, or a pong. */
  #control(): void {
    if (this.#charge(1)) this.#liveness.heard()
  }

  #mayHandle(): boolean {
    if (this.#isEnded) return true
    return this.#tasks.length < MAX_BEHIND && this.#socket.bufferedAmount <= MAX_QUEUED_BYTES
  }

  #act(frame: ChatFrame): void {
    this.perform({
      work: () => {
        if (!this.#isEnded || (frame.type === 'message' && !this.#isRevoked)) return this.#host.act(this, frame)
      },
      marks: marksOf(frame)
    })
  }

  /**
   * Does something for the client, at once unless something before it is still waiting: what a connection asks for is done
   * in the order in which it asked. When it fails, whatever the reason, the client is told.
   */
  perform(task: Task<FrameMarks>): void {
    this.#tasks.perform(task)
  }

  #waiting(): void {
    if (this.#tasks.length >= MAX_BEHIND) this.#pause()
  }

  #refused(error: unknown, marks: FrameMarks): void {
    if (!(error instanceof ChatError)) this.log.error({ err: error }, 'a frame could not be acted on')
    this.refuse(
      error instanceof ChatError ? error : new ChatError('unavailable', 'Send the frame again in a moment.'),
      marks
    )
    this.#charge(1)
  }

  async #authenticate({ token, ref }: AuthFrame): Promise<void> {
    try {
      const session = await this.#host.authenticate(token)
      if (session.userId !== this.session.userId) {
        throw new ChatError('wrong_user', 'The token is another user’s. Open a new connection for another user.')
      }
      this.session = session
      this.#lifetime.renew(session.expiresAt)
      const expires_at = timestamp(session.expiresAt)
      this.send({ type: 'authenticated', expires_at, ...(ref === undefined ? {} : { ref }) })
    } catch (error) {
      if (!(error instanceof ChatError)) this.log.error({ err: error }, 'a token could not be verified')
      const shown =
        error instanceof ChatError ? error : new ChatError('unavailable', 'Send the token again in a moment.')
      this.refuse(shown, ref === undefined ? {} : { ref })
    }
  }

  get #bytesRead(): number {
    return this.#socket._socket?.bytesRead ?? 0
  }

  /** Charges the connection's quota. A connection that can't pay is closed, or dropped if it is about to close already. */
  #charge(frames: number): boolean {
    if (this.#isFlooding) return false
    if (this.quota.charge(frames, this.#bytesRead)) return true
    if (this.#isEnded) this.terminate()
    else this.#flood()
    return false
  }

  /** Closes the connection without reading what else comes: a client that floods keeps sending while it is closed. */
  #flood(): void {
    this.refuse(new ChatError('flooding', 'Too many frames. Reconnect later and send less.', { retryAfterMs: 5000 }))
    this.#isFlooding = true
    this.close(CLOSE.flooding)
    this.#inbox.clear()
    this.#socket.pause()
    this.#socket._socket?.end?.()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#answers = []
    for (const subscription of this.subscriptions.values()) subscription.end()
    this.#host.ended(this)
    this.#inbox.proceed()
  }
}
