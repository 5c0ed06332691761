/**
 * Represents one client's connection, open until it ends for one reason. It combines what is received (incoming.ts), what is written
 * (outgoing.ts) and how long the connection lasts; of rooms it only holds the subscriptions.
 */
import type { Log } from '../../lib/logging.ts'
import { CLOSE, type CloseCode } from '../../protocol/close-codes.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { ServerFrame } from '../../protocol/frames.ts'
import type { Principal } from '../access/authorize.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import type { ConnectionContext, ConnectionOptions } from './context.ts'
import type { Accepted, FrameMarks } from './decode.ts'
import { errorFrame, isLimit } from './error-frame.ts'
import type { FrameQuota } from './frame-quota.ts'
import { FrameTasks } from './frame-tasks.ts'
import { Incoming } from './incoming.ts'
import { createLifetime, type Lifetime } from './lifetime.ts'
import { createLiveness, type Liveness } from './liveness.ts'
import { Outgoing } from './outgoing.ts'
import type { Socket } from './socket.ts'
import { type Chunk, type Encoded, encode } from './socket-writer.ts'
import type { Task } from './task-queue.ts'

export class Connection {
  readonly address: string
  readonly log: Log
  /** Maps names of rooms to subscriptions. */
  readonly subscriptions = new Map<string, Subscription>()
  principal: Principal
  readonly #socket: Socket
  readonly #context: ConnectionContext
  readonly #incoming: Incoming
  readonly #outgoing: Outgoing
  readonly #lifetime: Lifetime
  readonly #liveness: Liveness
  readonly #tasks: FrameTasks
  #isEnded = false
  #isRevoked = false

  constructor({ socket, principal, hasChatV1, address, log }: ConnectionOptions, context: ConnectionContext) {
    this.#socket = socket
    this.#context = context
    this.principal = principal
    this.address = address
    this.log = log
    const { clock, decode, maxFrameBytes, bytesPerSecond = 0, legacyLifetimeMs } = context
    this.#lifetime = createLifetime({ clock, hasChatV1, expiresAt: principal.expiresAt, legacyLifetimeMs })
    this.#liveness = createLiveness(clock, socket)
    this.#outgoing = new Outgoing(socket, () => this.#incoming.pause())
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
    socket.on('close', () => {
      this.#end()
      context.closed(this)
    })
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  get quota(): FrameQuota {
    return this.#incoming.quota
  }

  /** Returns whether so little is queued that subscriptions may continue to read. */
  get hasRoom(): boolean {
    return this.#outgoing.hasRoom
  }

  /** Writes entries of a log, unless the queue is full; returns whether it did. */
  write(chunk: Chunk): boolean {
    return this.#outgoing.write(chunk)
  }

  /** Sends a frame that only matters now, unless half of the queue is used; returns whether it did. */
  hint(frame: Encoded): boolean {
    return this.#outgoing.hint(frame)
  }

  /** Sends an encoded frame with the other replies of this turn of the event loop. */
  reply(frame: Encoded): void {
    this.#outgoing.reply(frame)
  }

  send(frame: ServerFrame): void {
    if (!this.#isEnded) this.reply(encode(JSON.stringify(frame)))
  }

  /** Sends an `error` frame; the connection stays open. */
  refuse(error: ChatError, marks: FrameMarks = {}): void {
    if (isLimit(error)) {
      this.log.warn({ user_id: this.principal.userId, code: error.code }, 'a limit rejected a frame')
    }
    this.send(errorFrame(error, marks))
  }

  /** Performs a task after those that still wait, so that requests take effect in the order of their frames. */
  perform(task: Task<FrameMarks>): void {
    this.#tasks.perform(task)
  }

  /** Continues with a new token. */
  renew(principal: Principal): void {
    this.principal = principal
    this.#lifetime.renew(principal.expiresAt)
  }

  /** Ends the connection with a close code. Nothing is sent or read after it. */
  close({ code, reason }: CloseCode): void {
    if (code === CLOSE.tokenExpired.code) this.#isRevoked = true
    if (this.#isEnded) return
    this.#outgoing.flush()
    this.#end()
    // A paused socket would not receive the client's close frame.
    if (this.#incoming.isPaused) this.#socket.resume()
    this.#socket.close(code, reason)
  }

  /** Destroys the socket without waiting for the client. */
  terminate(): void {
    this.#end()
    this.#socket.terminate()
  }

  /** Sends pings, and ends the connection if it is silent, stuck or expired. Called about once per second. */
  tick(): void {
    if (this.#isEnded) return
    if (this.#lifetime.isOver) return this.close(CLOSE.tokenExpired)
    const health = this.#liveness.check(!this.#incoming.isPaused)
    if (health === 'silent') return this.terminate()
    if (health === 'alive') return this.drained()
    this.log.warn({ user_id: this.principal.userId }, 'closed a connection whose client reads too slowly')
    this.close(CLOSE.tooSlow)
  }

  /** Returns whether a frame still counts: after the client disconnected, only messages do, and after a revocation nothing does. */
  accepts(isMessage: boolean): boolean {
    return !this.#isEnded || (isMessage && !this.#isRevoked)
  }

  /** Returns whether the next frame may be handled: not while too many wait, or the client reads too little. */
  mayHandle(): boolean {
    return this.#isEnded || !(this.#tasks.isBehind || this.#outgoing.isFull)
  }

  handle(accepted: Accepted): void {
    this.#tasks.handle(accepted)
  }

  /** Ends a connection that exceeds its quota, or destroys its socket if it is closing already. */
  flooded(): void {
    if (this.#isEnded) return this.terminate()
    this.refuse(new ChatError('flooding', 'Too many frames. Reconnect later and send less.', { retryAfterMs: 5000 }))
    this.close(CLOSE.flooding)
    this.#incoming.stop()
  }

  /** Continues with what waited for the socket, or for earlier frames. */
  drained(): void {
    if (!this.hasRoom) return
    this.#incoming.proceed()
    if (!this.#tasks.isBehind) this.#incoming.resume()
    for (const subscription of this.subscriptions.values()) subscription.resume()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#outgoing.end()
    for (const subscription of this.subscriptions.values()) subscription.end()
    this.#context.ended(this)
    this.#incoming.proceed()
  }
}
