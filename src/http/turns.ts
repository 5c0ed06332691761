/**
 * Handles the requests of a connection one at a time. HTTP/1.1 lets a client send many before it reads a response (pipelining),
 * and Node emits them all at once. Here each request starts after the previous one has ended, in a later turn of the event loop,
 * and reads from a connection are paused while too many are queued. So a connection holds the memory of one response, and a
 * client that sends without end costs other connections the time of one request per turn.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface Turns {
  /** Calls `begin` when everything before it on the connection has ended, unless the connection is closed first. */
  take(socket: Socket, response: ServerResponse, begin: () => void): void
  /** Resolves when a response that took its turn was sent, or its connection is closed. */
  ended(response: ServerResponse): Promise<void>
}

interface Turn {
  readonly response: ServerResponse
  readonly begin: () => void
}

interface RequestQueue {
  current: Turn | undefined
  waiting: Turn[]
  isPaused: boolean
}

/** Describes undocumented properties that Node's HTTP server keeps on a socket. */
interface PausableSocket extends Socket {
  _paused?: boolean
  readonly parser?: { resume?(): void } | null
}

/** Limits the queued requests of a connection; beyond it, reads are paused. */
const MAX_WAITING = 16

/** Returns whether a response has emitted its last event. In HTTP/2, that is a property of its stream. */
const isOver = (response: ServerResponse): boolean =>
  response.closed || response.writableFinished || Reflect.get(response, 'stream')?.closed === true

/** Creates the turns of all connections. */
export const createTurns = (): Turns => {
  const queues = new WeakMap<Socket, RequestQueue>()
  const endings = new WeakMap<ServerResponse, { readonly promise: Promise<void>; readonly end: () => void }>()

  const endingOf = (response: ServerResponse) => {
    const known = endings.get(response)
    if (known) return known
    let end = (): void => {}
    const promise = new Promise<void>(resolve => {
      end = resolve
    })
    const ending = { promise, end }
    endings.set(response, ending)
    // If the client disconnected before this call, the response has closed already and emits no event.
    if (isOver(response)) end()
    else response.once('close', end).once('finish', end)
    return ending
  }

  const queueOf = (socket: Socket): RequestQueue => {
    const known = queues.get(socket)
    if (known) return known
    const queue: RequestQueue = { current: undefined, waiting: [], isPaused: false }
    queues.set(socket, queue)
    // A response that isn't the next one on its connection emits no close event.
    socket.once('close', () => {
      queue.waiting = []
      if (queue.current) endingOf(queue.current.response).end()
    })
    return queue
  }

  /** Pauses or resumes reads. Called after each response, because Node resumes reads when one has ended. */
  const pauseOrResume = (socket: PausableSocket, queue: RequestQueue): void => {
    if (queue.waiting.length > MAX_WAITING) {
      queue.isPaused = true
      // Node's own flag. Without it, Node resumes reads when a request ends, one turn after the pause.
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
    queue.current = turn
    turn.response.once('close', () => {
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
      if (!queue.current) return start(socket, queue, { response, begin })
      queue.waiting.push({ response, begin })
      pauseOrResume(socket, queue)
    },
    ended: response => endingOf(response).promise
  }
}
