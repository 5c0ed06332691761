/**
 * One request of a connection at a time. HTTP/1.1 lets a client send many before it reads a response (pipelining); Node hands
 * all of them over at once. Here each begins when the one before it has ended, in a later turn of the event loop, and a
 * connection with many that wait isn't read from. So a connection has one response that holds anything, and one that sends
 * without end costs the others a request's time of each turn.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface Turns {
  /** Calls `begin` when everything before it on the connection has ended; never when the connection is closed before. */
  take(socket: Socket, response: ServerResponse, begin: () => void): void
  /** Resolves when a response that took its turn was sent, or its connection is closed. */
  ended(response: ServerResponse): Promise<void>
}

interface Turn {
  readonly response: ServerResponse
  readonly begin: () => void
}

interface Line {
  current: Turn | undefined
  waiting: Turn[]
  isPaused: boolean
}

/** What Node's HTTP server keeps on a socket, and does not document. */
interface PausableSocket extends Socket {
  _paused?: boolean
  readonly parser?: { resume?(): void } | null
}

/** With more requests that wait, the connection isn't read from. */
const MAX_WAITING = 16

/** Returns whether a response has emitted its last event. One of HTTP/2 has a stream that says so. */
const isOver = (response: ServerResponse): boolean =>
  response.closed || response.writableFinished || Reflect.get(response, 'stream')?.closed === true

/** Creates the turns of all connections. */
export const createTurns = (): Turns => {
  const lines = new WeakMap<Socket, Line>()
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
    // A client that left while it was looked up has closed the response already: then no event comes any more.
    if (isOver(response)) end()
    else response.once('close', end).once('finish', end)
    return ending
  }

  const lineOf = (socket: Socket): Line => {
    const known = lines.get(socket)
    if (known) return known
    const line: Line = { current: undefined, waiting: [], isPaused: false }
    lines.set(socket, line)
    // A response that is not yet the next one on its connection has no close event of its own.
    socket.once('close', () => {
      line.waiting = []
      if (line.current) endingOf(line.current.response).end()
    })
    return line
  }

  /** Node reads on by itself when a response has ended, so this is said again after each. */
  const pauseOrResume = (socket: PausableSocket, line: Line): void => {
    if (line.waiting.length > MAX_WAITING) {
      line.isPaused = true
      // Node's own mark: without it, a request that ends starts the reading again, a turn after the pause.
      socket._paused = true
      socket.pause()
    } else if (line.isPaused) {
      line.isPaused = false
      socket._paused = false
      socket.parser?.resume?.()
      socket.resume()
    }
  }

  const start = (socket: Socket, line: Line, turn: Turn): void => {
    line.current = turn
    turn.response.once('close', () => {
      const next = line.waiting.shift()
      line.current = next
      pauseOrResume(socket, line)
      if (next) setImmediate(() => start(socket, line, next))
    })
    turn.begin()
  }

  return {
    take(socket, response, begin) {
      const line = lineOf(socket)
      if (!line.current) return start(socket, line, { response, begin })
      line.waiting.push({ response, begin })
      pauseOrResume(socket, line)
    },
    ended: response => endingOf(response).promise
  }
}
