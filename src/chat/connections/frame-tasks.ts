/** Handles the frames of a connection, each after the ones before it: what a client asks for is done in the order of its frames. */
import { ChatError } from '../../protocol/errors.ts'
import type { Connection } from './connection.ts'
import type { ConnectionContext } from './context.ts'
import { type Accepted, type FrameMarks, marksOf } from './decode.ts'
import type { Incoming } from './incoming.ts'
import { renewPrincipal } from './renewal.ts'
import { createTaskQueue, type Task } from './task-queue.ts'

/** Maximum of frames that wait for one before them; above it, the client is not read from. */
const MAX_BEHIND = 32

export class FrameTasks {
  readonly #connection: Connection
  readonly #context: ConnectionContext
  readonly #incoming: Incoming
  readonly #tasks = createTaskQueue<FrameMarks>({
    onRefused: (error, marks) => this.#refused(error, marks),
    onWaiting: () => {
      if (this.isBehind) this.#incoming.pause()
    },
    onIdle: () => this.#connection.drained()
  })

  constructor(connection: Connection, context: ConnectionContext, incoming: Incoming) {
    this.#connection = connection
    this.#context = context
    this.#incoming = incoming
  }

  /** Whether so many frames wait that no more should be read. */
  get isBehind(): boolean {
    return this.#tasks.length >= MAX_BEHIND
  }

  /** Performs a task, at once unless one before it is still waiting. If it fails, the client receives an `error` frame. */
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

  /** Performs the work of a frame, unless the connection no longer accepts it by then. */
  #performIf(isCommand: boolean, frame: object, handle: () => void | Promise<void>): void {
    const work = (): void | Promise<void> => {
      if (this.#connection.accepts(isCommand)) return handle()
    }
    this.perform({ work, marks: marksOf(frame) })
  }

  #refused(error: unknown, marks: FrameMarks): void {
    const isKnown = error instanceof ChatError
    if (!isKnown) this.#connection.log.error({ err: error }, 'a frame could not be handled')
    this.#connection.refuse(isKnown ? error : new ChatError('unavailable', 'Send the frame again in a moment.'), marks)
    this.#incoming.charge(1)
  }
}
