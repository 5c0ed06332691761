/**
 * Handles the frames of a connection. The frames `auth` and `ping` are handled immediately. Other frames are handled in order,
 * each of them after the previous frame has been handled.
 */
import { ChatError } from '../../protocol/errors.ts'
import type { Connection } from './connection.ts'
import type { ConnectionContext } from './context.ts'
import { type Accepted, type FrameMarks, marksOf } from './decode.ts'
import type { Incoming } from './incoming.ts'
import { renewPrincipal } from './renewal.ts'
import { type Task, type TaskOwner, TaskQueue } from './task-queue.ts'

/** Reads are paused while at least this many frames wait for an earlier frame. */
const MAX_QUEUED = 32

export class FrameTasks implements TaskOwner<FrameMarks> {
  readonly #connection: Connection
  readonly #context: ConnectionContext
  readonly #incoming: Incoming
  readonly #tasks = new TaskQueue<FrameMarks>(this)

  constructor(connection: Connection, context: ConnectionContext, incoming: Incoming) {
    this.#connection = connection
    this.#context = context
    this.#incoming = incoming
  }

  /** True while so many frames are queued that reads must be paused. */
  get isBehind(): boolean {
    return this.#tasks.length >= MAX_QUEUED
  }

  /**
   * Performs a task synchronously. If an earlier task is still in progress, queues the task instead. If the task fails, the
   * client receives an `error` frame.
   */
  perform(task: Task<FrameMarks>): void {
    this.#tasks.perform(task)
  }

  handle(accepted: Accepted): void {
    const connection = this.#connection
    const context = this.#context
    if (accepted.kind === 'command') {
      const { of, frame } = accepted
      return this.#performIf(true, frame, () => context.append(connection, of, frame))
    }
    const { frame } = accepted
    if (frame.type === 'auth') void renewPrincipal(connection, frame, token => context.authenticate(token))
    else if (frame.type === 'ping')
      connection.send({ type: 'pong', ...(frame.ref === undefined ? {} : { ref: frame.ref }) })
    else this.#performIf(false, frame, () => context.act(connection, frame))
  }

  /**
   * Handles a frame when all earlier frames have been handled. Drops the frame if the connection no longer accepts it by then.
   */
  #performIf(isCommand: boolean, frame: object, handle: () => void | Promise<void>): void {
    const connection = this.#connection
    this.perform({
      work() {
        if (connection.accepts(isCommand)) return handle()
      },
      // A getter, because the fields are needed only if the frame is rejected, and most frames are not.
      get marks() {
        return marksOf(frame)
      }
    })
  }

  onWaiting(): void {
    if (this.isBehind) this.#incoming.pause()
  }

  onIdle(): void {
    this.#connection.drained()
  }

  onRefused(error: unknown, marks: FrameMarks): void {
    const shown =
      error instanceof ChatError
        ? error
        : new ChatError('unavailable', 'The frame could not be handled. Send it again in a moment.', { cause: error })
    this.#connection.refuse(shown, marks)
    this.#incoming.charge(1)
  }
}
