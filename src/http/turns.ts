/**
 * Handles the requests of a connection one at a time. With HTTP/1.1 a client may send many requests before it reads a response
 * (pipelining), and Node emits all of them at once. Here a request starts only after the previous one of its connection has
 * ended, in a later turn of the event loop. Reads from a connection are paused while too many requests are queued. As a result,
 * a connection needs memory for only one response, and delays other connections by at most one request per turn.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface Turns {
  /** Calls `begin` after all earlier requests of the connection have ended. Never calls it if the connection is closed first. */
  take(socket: Socket, response: ServerResponse, begin: () => void): void
  /** Calls `ended` once, when the response has been sent or the connection is closed. */
  onEnd(socket: Socket, response: ServerResponse, ended: () => void): void
}

interface Turn {
  readonly response: ServerResponse
  readonly begin: () => void
  /** The functions to call when the response has ended or the connection is closed. */
  onEnd: (() => void)[]
}

interface RequestQueue {
  current: Turn | undefined
  waiting: Turn[]
  isPaused: boolean
  isClosed: boolean
}

/** A socket with the undocumented properties that Node's HTTP server sets on it. */
interface PausableSocket extends Socket {
  _paused?: boolean
  readonly parser?: { resume?(): void } | null
}

/** While a connection has more queued requests than this number, reads from the connection are paused. */
const MAX_WAITING = 16

/** Returns whether a response has ended and emits no further event. An HTTP/2 response has ended if its stream is closed. */
const isOver = (response: ServerResponse): boolean =>
  response.closed || response.writableFinished || Reflect.get(response, 'stream')?.closed === true

/** Creates the request queues, one for each connection. */
export const createTurns = (): Turns => {
  const queues = new WeakMap<Socket, RequestQueue>()

  const endCurrent = (queue: RequestQueue): void => {
    const ended = queue.current?.onEnd.splice(0) ?? []
    for (const call of ended) call()
  }

  const queueOf = (socket: Socket): RequestQueue => {
    const known = queues.get(socket)
    if (known) return known
    const queue: RequestQueue = { current: undefined, waiting: [], isPaused: false, isClosed: false }
    queues.set(socket, queue)
    // When a connection is closed, Node emits `close` only on a response that is being sent. The current request may not have a
    // response yet, so this listener ends the request.
    socket.once('close', () => {
      queue.isClosed = true
      queue.waiting = []
      endCurrent(queue)
    })
    return queue
  }

  /**
   * Pauses or resumes reads. Called when a request is queued, and after each response, because Node resumes reads when a
   * response has ended.
   */
  const pauseOrResume = (socket: PausableSocket, queue: RequestQueue): void => {
    if (queue.waiting.length > MAX_WAITING) {
      queue.isPaused = true
      // Unless this flag of Node is set, Node resumes reads as soon as it has parsed the whole request.
      socket._paused = true
      socket.pause()
    } else if (queue.isPaused) {
      queue.isPaused = false
      socket._paused = false
      socket.parser?.resume?.()
      socket.resume()
    }
  }

  const start = (socket: Socket, queue: RequestQueue, turn: Turn): void => {
    // The connection may have been closed between the end of the previous response and this turn of the event loop.
    if (queue.isClosed) return
    queue.current = turn
    turn.response.once('close', () => {
      endCurrent(queue)
      const next = queue.waiting.shift()
      queue.current = next
      pauseOrResume(socket, queue)
      if (next) setImmediate(() => start(socket, queue, next))
    })
    turn.begin()
  }

  return {
    take(socket, response, begin) {
      const queue = queueOf(socket)
      const turn: Turn = { response, begin, onEnd: [] }
      if (!queue.current) return start(socket, queue, turn)
      queue.waiting.push(turn)
      pauseOrResume(socket, queue)
    },
    onEnd(socket, response, ended) {
      const queue = queues.get(socket)
      // If the response ended or the connection was closed before this call, no event follows.
      if (isOver(response) || queue?.isClosed) return ended()
      if (queue?.current?.response === response) queue.current.onEnd.push(ended)
      else callOnce(response, ended)
    }
  }
}

/**
 * Calls `ended` at the first of the events `close` and `finish`. An HTTP/2 response emits only one of the two events if its
 * stream is reset.
 */
const callOnce = (response: ServerResponse, ended: () => void): void => {
  const call = (): void => {
    response.off('close', call).off('finish', call)
    ended()
  }
  response.on('close', call).on('finish', call)
}
