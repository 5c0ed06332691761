/** A WebSocket client for tests: a real `ws` socket whose frames are buffered until asked for. */
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'

/** A frame as it came: tests look at any field. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields the service sent.
export type Frame = Record<string, any>

/** A connected client. */
export interface SocketClient {
  readonly socket: WebSocket
  /** Sends an object as JSON, or a string as it is. */
  send(frame: object | string): void
  /** The next frame, in order; rejects when the socket closes before one comes. */
  next(): Promise<Frame>
  /** Skips frames up to the next one of a type. */
  nextOf(type: string): Promise<Frame>
  /** What came until the answer to a ping that is sent now: proves that nothing else did. */
  untilPong(): Promise<Frame[]>
  /** Resolves with the close code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>
  close(): Promise<void>
}

/** How to connect: `protocols` and `headers` as `ws` takes them. */
export interface ConnectOptions extends ClientOptions {
  readonly protocols?: string[]
}

/** Connects; rejects with the HTTP status in its message when the upgrade is refused. Closed when the test ends. */
export const connect = async (url: string, { protocols, ...options }: ConnectOptions = {}): Promise<SocketClient> => {
  const socket = new WebSocket(url, protocols, options)
  const client = bufferFrames(socket)
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  return client
}

/** Frames that come whenever they come: `next` doesn't see them, `nextOf` does. */
const HINTS = new Set(['presence', 'heads'])

/** Frames in the order in which they came, for whoever asks for the next one. */
const createQueue = () => {
  const frames: Frame[] = []
  const waiting: { resolve(frame: Frame): void; reject(error: Error): void }[] = []
  return {
    push(frame: Frame) {
      const first = waiting.shift()
      if (first) first.resolve(frame)
      else frames.push(frame)
    },
    next(): Promise<Frame> {
      const frame = frames.shift()
      if (frame) return Promise.resolve(frame)
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    end(error: Error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}

const bufferFrames = (socket: WebSocket): SocketClient => {
  const [main, hints] = [createQueue(), createQueue()]
  socket.on('message', data => {
    const frame = JSON.parse(data.toString())
    if (HINTS.has(frame.type)) hints.push(frame)
    else main.push(frame)
  })
  const closed = new Promise<{ code: number; reason: string }>(resolve =>
    socket.on('close', (code, reason) => {
      for (const queue of [main, hints]) queue.end(new Error(`closed with ${code} ${reason}`))
      resolve({ code, reason: reason.toString() })
    })
  )
  const until = async (isLast: (frame: Frame) => boolean): Promise<Frame[]> => {
    const seen: Frame[] = []
    for (;;) {
      const frame = await main.next()
      seen.push(frame)
      if (isLast(frame)) return seen
    }
  }
  const send = (frame: object | string): void => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  return {
    socket,
    send,
    next: main.next,
    async nextOf(type) {
      if (HINTS.has(type)) {
        for (;;) {
          const frame = await hints.next()
          if (frame.type === type) return frame
        }
      }
      return (await until(frame => frame.type === type)).at(-1) as Frame
    },
    async untilPong() {
      const ref = Math.random().toString(36)
      send({ type: 'ping', ref })
      return (await until(frame => frame.type === 'pong' && frame.ref === ref)).slice(0, -1)
    },
    closed,
    async close() {
      socket.close()
      await closed
    }
  }
}
