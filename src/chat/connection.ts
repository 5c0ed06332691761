/** One socket's state machine: open until it ends for one reason, then silent. Knows frames, nothing of rooms or SQL. */
import type { Clock } from '../clock.ts'
import { timestamp } from '../clock.ts'
import { CLOSE, type CloseCode } from '../close-codes.ts'
import { ChatError } from '../errors.ts'
import type { Log } from '../logging.ts'
import type { AuthFrame, SendFrame, ServerFrame } from '../schemas/frames.ts'
import { createBudget } from './budget.ts'
import { decodeFrame, encodeFrame, type FrameMarks, marksOf } from './protocol.ts'

/** Protocol pings go out this often, in milliseconds; a peer that was silent for two of them is gone. */
export const PING_INTERVAL_MS = 25_000
/** A client that doesn't speak `chat.v1` lives on after its token expired, but no longer than this. */
const LEGACY_LIFETIME_MS = 24 * 60 * 60 * 1000
/** The most bytes that may wait for a slow reader. */
const MAX_QUEUED_BYTES = 1024 * 1024

/** Who is behind a connection; the access token's claims. Times in milliseconds since the epoch. */
export interface Session {
  readonly userId: number
  readonly username: string
  readonly expiresAt: number
}

/** The part of a `ws` socket that a connection uses. */
export interface Socket {
  readonly bufferedAmount: number
  send(data: Uint8Array, options: { binary: boolean }, done: (error?: Error | null) => void): void
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): unknown
  on(event: 'pong' | 'ping' | 'close', listener: () => void): unknown
}

/** What a connection asks of the service around it. */
export interface ConnectionHost {
  readonly clock: Clock
  readonly maxFrameBytes: number
  /** Sends a message; throws a ChatError when it is refused at once. */
  message(connection: Connection, frame: SendFrame): void
  /** Verifies a token; rejects with a ChatError. */
  authenticate(token: string): Promise<Session>
  /** The connection takes no more part; its socket may still be closing. Called once. */
  ended(connection: Connection): void
  /** The socket is closed. Called once. */
  closed(connection: Connection): void
}

/** What is known of a connection when its socket opens. */
export interface ConnectionOptions {
  readonly socket: Socket
  readonly session: Session
  /** Whether the client chose the subprotocol `chat.v1`, and with it expiry by the token. */
  readonly speaksV1: boolean
  /** The client's address, for the limits per address. */
  readonly address: string
  readonly log: Log
}

/** One client's connection. */
export class Connection {
  readonly address: string
  readonly log: Log
  session: Session
  readonly #socket: Socket
  readonly #host: ConnectionHost
  readonly #speaksV1: boolean
  readonly #openedAt: number
  // Every frame but an accepted message costs; who goes on after that is flooding.
  readonly #patience = createBudget(50, 200)
  #heardAt: number
  #pingedAt: number
  #isEnded = false

  constructor({ socket, session, speaksV1, address, log }: ConnectionOptions, host: ConnectionHost) {
    this.#socket = socket
    this.session = session
    this.#speaksV1 = speaksV1
    this.address = address
    this.log = log
    this.#host = host
    this.#openedAt = this.#heardAt = this.#pingedAt = host.clock.now()
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('pong', () => this.#heard())
    socket.on('ping', () => this.#heard())
    socket.on('close', () => {
      this.#end()
      host.closed(this)
    })
  }

  /** Sends a frame; one that is needed by many connections comes encoded. */
  send(frame: ServerFrame | Buffer): void {
    if (this.#isEnded) return
    if (this.#socket.bufferedAmount > MAX_QUEUED_BYTES) {
      this.log.warn({ user_id: this.session.userId }, 'a client reads too slowly and was closed')
      return this.close(CLOSE.tooSlow)
    }
    // A failed write ends in the socket's close event; nothing else is to be done about it.
    this.#socket.send(Buffer.isBuffer(frame) ? frame : encodeFrame(frame), { binary: false }, () => {})
  }

  /** Tells the client what was wrong with a frame; the connection stays. */
  refuse(error: ChatError, marks: FrameMarks = {}): void {
    const retry = error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }
    this.send({ type: 'error', code: error.code, detail: error.detail, ...marks, ...retry })
  }

  /** Ends the connection with a close code. Nothing is sent or read after it. */
  close({ code, reason }: CloseCode): void {
    if (this.#isEnded) return
    this.#end()
    this.#socket.close(code, reason)
  }

  /** Drops the socket without waiting for the client. */
  terminate(): void {
    this.#end()
    this.#socket.terminate()
  }

  /** What time brings: the end of an expired session or a silent peer, or a ping. Called about once a second. */
  tick(now: number): void {
    if (this.#isEnded) return
    const end = this.#speaksV1 ? this.session.expiresAt : this.#openedAt + LEGACY_LIFETIME_MS
    if (now >= end) return this.close(CLOSE.tokenExpired)
    if (now - this.#heardAt > 2 * PING_INTERVAL_MS) return this.terminate()
    if (now - this.#pingedAt >= PING_INTERVAL_MS) {
      this.#pingedAt = now
      this.#socket.ping()
    }
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#isEnded) return
    this.#heard()
    // Our own `ws` refuses such a frame before; a host's may allow more.
    if (data.length > this.#host.maxFrameBytes) return this.close(CLOSE.frameTooBig)
    const decoded = isBinary ? decodeFrame('') : decodeFrame(data.toString())
    if (decoded.kind === 'ignored') return this.#spendPatience()
    if (decoded.kind === 'refused') {
      this.refuse(decoded.error, decoded.marks)
      return this.#spendPatience()
    }
    const { frame } = decoded
    if (frame.type === 'message') return this.#message(frame)
    this.#spendPatience()
    if (frame.type === 'auth') this.#authenticate(frame)
    else this.send({ type: 'pong', ...marksOf(frame) })
  }

  #message(frame: SendFrame): void {
    try {
      this.#host.message(this, frame)
    } catch (error) {
      if (!(error instanceof ChatError)) throw error
      this.refuse(error, marksOf(frame))
      this.#spendPatience()
    }
  }

  async #authenticate({ token, ref }: AuthFrame): Promise<void> {
    try {
      const session = await this.#host.authenticate(token)
      if (session.userId !== this.session.userId) {
        throw new ChatError('wrong_user', 'The token is another user’s. Open a new connection for another user.')
      }
      this.session = session
      const expires_at = timestamp(session.expiresAt)
      this.send({ type: 'authenticated', expires_at, ...(ref === undefined ? {} : { ref }) })
    } catch (error) {
      if (!(error instanceof ChatError)) this.log.error({ err: error }, 'a token could not be verified')
      const shown =
        error instanceof ChatError ? error : new ChatError('unavailable', 'Send the token again in a moment.')
      this.refuse(shown, ref === undefined ? {} : { ref })
    }
  }

  #spendPatience(): void {
    const retryAfterMs = this.#patience.take(this.#host.clock.now())
    if (retryAfterMs === 0 || this.#isEnded) return
    this.log.warn({ user_id: this.session.userId }, 'a client flooded and was closed')
    this.refuse(new ChatError('flooding', 'Too many frames. Come back later and send less.', { retryAfterMs: 5000 }))
    this.close(CLOSE.flooding)
  }

  #heard(): void {
    this.#heardAt = this.#host.clock.now()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#host.ended(this)
  }
}
