/**
 * Represents one connection of a client. Its parts receive frames (incoming.ts), send frames (outgoing.ts), detect a client
 * that no longer responds (liveness.ts), and limit the duration of the connection (lifetime.ts). A connection ends only once,
 * for the first reason that applies.
 */
import type { Log } from '../../lib/logging.ts'
import { CLOSE, type CloseCode } from '../../protocol/close-codes.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { ServerFrame } from '../../protocol/frames.ts'
import type { Principal } from '../access/authorize.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import type { ConnectionContext, ConnectionOptions } from './context.ts'
import type { Accepted, FrameMarks } from './decode.ts'
import { type Encoded, encode } from './encoded.ts'
import { errorFrame, isFailure, isLimit } from './error-frame.ts'
import type { FrameQuota } from './frame-quota.ts'
import { FrameTasks } from './frame-tasks.ts'
import { Incoming } from './incoming.ts'
import { Lifetime } from './lifetime.ts'
import { Liveness } from './liveness.ts'
import { Outgoing } from './outgoing.ts'
import type { Socket } from './socket.ts'
import type { Task } from './task-queue.ts'

export class Connection {
  readonly address: string
  readonly hasChatV1: boolean
  readonly log: Log
  /** The id of the request that opened the connection. */
  readonly requestId: string | undefined
  /** The subscriptions of the connection, keyed by room name. */
  readonly subscriptions = new Map<string, Subscription>()
  principal: Principal
  /** True after the client has sent a `read` frame. Only then does the client receive frames about read marks. */
  showsReads = false
  readonly #socket: Socket
  readonly #context: ConnectionContext
  readonly #incoming: Incoming
  readonly outgoing: Outgoing
  readonly #lifetime: Lifetime
  readonly #liveness: Liveness
  readonly #tasks: FrameTasks
  #isEnded = false
  #isRevoked = false
  /** The code of the close frame that the server sent. */
  #closeCode: number | undefined

  constructor(
    { socket, principal, hasChatV1, address, log, requestId }: ConnectionOptions,
    context: ConnectionContext
  ) {
    this.#socket = socket
    this.#context = context
    this.principal = principal
    this.address = address
    this.hasChatV1 = hasChatV1
    this.log = log
    this.requestId = requestId
    const { clock, decode, maxFrameBytes, bytesPerSecond = 0, legacyLifetimeMs } = context
    this.#lifetime = new Lifetime({ clock, hasChatV1, expiresAt: principal.expiresAt, legacyLifetimeMs })
    this.#liveness = new Liveness(clock, socket)
    this.outgoing = new Outgoing(socket, () => this.#incoming.pause())
    this.#incoming = new Incoming(this, {
      socket,
      clock,
      liveness: this.#liveness,
      decode,
      maxFrameBytes,
      bytesPerSecond
    })
    this.#tasks = new FrameTasks(this, context, this.#incoming)
    socket._socket?.on('drain', () => this.drained())
    socket.on('close', code => {
      this.#end()
      context.closed(this, this.#closeCode ?? code)
    })
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  get quota(): FrameQuota {
    return this.#incoming.quota
  }

  /** Queues an encoded frame. The frame is written together with the other replies of this turn of the event loop. */
  reply(frame: Encoded): void {
    this.outgoing.reply(frame)
  }

  send(frame: ServerFrame): void {
    if (!this.#isEnded) this.reply(encode(JSON.stringify(frame)))
  }

  /** Sends an `error` frame. The connection stays open. */
  refuse(error: ChatError, marks: FrameMarks = {}): void {
    if (isLimit(error)) {
      this.#context.limited?.(error.code)
      this.log.warn({ user_id: this.principal.userId, code: error.code }, 'a limit rejected a frame')
    } else if (isFailure(error)) {
      // An error without a cause means that the service refused the frame on purpose, for example because the service is
      // stopping.
      if (error.cause === undefined) this.log.warn({ code: error.code }, 'failed to handle a frame')
      else this.log.error({ err: error, code: error.code }, 'failed to handle a frame')
    }
    this.send(errorFrame(error, marks, this.requestId))
  }

  /** Performs a task after all earlier tasks, so that frames take effect in the order in which they arrived. */
  perform(task: Task<FrameMarks>): void {
    this.#tasks.perform(task)
  }

  /** Replaces the principal and extends the lifetime of the connection, after the client has sent a new token. */
  renew(principal: Principal): void {
    this.principal = principal
    this.#lifetime.renew(principal.expiresAt)
  }

  /** Ends the connection and sends a close frame. No frame is sent after the close frame. */
  close({ code, reason }: CloseCode): void {
    if (code === CLOSE.tokenExpired.code || code === CLOSE.notAllowed.code) this.#isRevoked = true
    if (this.#isEnded) return
    this.#closeCode = code
    this.outgoing.flush()
    this.#end()
    // Resumes reads, so that the client's close frame can be received.
    if (this.#incoming.isPaused) this.#socket.resume()
    this.#socket.close(code, reason)
  }

  /** Destroys the socket without waiting for the client. */
  terminate(): void {
    this.#end()
    this.#socket.terminate()
  }

  /**
   * Sends pings. Ends the connection if its lifetime is over, if the client no longer responds to pings, or if the client no
   * longer reads frames. Otherwise, calls `drained`. Called about once per second.
   */
  tick(): void {
    if (this.#isEnded) return
    if (this.#lifetime.isOver) return this.close(CLOSE.tokenExpired)
    const health = this.#liveness.check(!this.#incoming.isPaused)
    if (health === 'silent') return this.terminate()
    if (health === 'alive') return this.drained()
    this.log.warn({ user_id: this.principal.userId }, 'closed a connection whose client reads too slowly')
    this.close(CLOSE.tooSlow)
  }

  /**
   * Returns whether a received frame may still be handled. `isMessage` is true for a frame that appends an entry. After the
   * connection has ended, only such frames may be handled, so that no message of the client is lost. If the connection was
   * closed because access was revoked or the token expired, no frame may be handled.
   */
  accepts(isMessage: boolean): boolean {
    return !this.#isEnded || (isMessage && !this.#isRevoked)
  }

  /**
   * Returns whether the next frame may be handled. While the connection is open, returns false if too many frames are in
   * progress or too many bytes are queued to be sent. After the connection has ended, returns true, so that queued messages are
   * still handled.
   */
  mayHandle(): boolean {
    return this.#isEnded || !(this.#tasks.isBehind || this.outgoing.isFull)
  }

  handle(accepted: Accepted): void {
    this.#tasks.handle(accepted)
  }

  /** Ends the connection because its client sent too much. If the connection has already ended, destroys its socket. */
  flooded(): void {
    if (this.#isEnded) return this.terminate()
    this.refuse(
      new ChatError('flooding', 'The connection sent too many frames or bytes. Reconnect later and send less.', {
        retryAfterMs: 5000
      })
    )
    this.close(CLOSE.flooding)
    this.#incoming.stop()
  }

  /**
   * Handles queued incoming frames, and resumes reads and waiting subscriptions, unless too many outgoing bytes are queued.
   * Called when the outgoing queue may have become shorter.
   */
  drained(): void {
    if (!this.outgoing.mayCatchUp) return
    this.#incoming.proceed()
    if (!this.#tasks.isBehind) this.#incoming.resume()
    for (const subscription of this.subscriptions.values()) subscription.resume()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.outgoing.end()
    for (const subscription of this.subscriptions.values()) subscription.end()
    this.#context.ended(this)
    this.#incoming.proceed()
  }
}
