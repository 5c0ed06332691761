/** Creates WebSocket clients for tests: real `ws` sockets that buffer frames until the test reads them. */
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'

/** A received frame. Tests read any field. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads any field of a frame.
export type Frame = Record<string, any>

export interface SocketClient {
  readonly socket: WebSocket
  /** Sends an object as JSON, or a string unchanged. */
  send(frame: object | string): void
  /** Returns the next frame in order, except `presence` and `heads` frames. Rejects if the socket is closed first. */
  next(): Promise<Frame>
  /** Returns the next frame of a type, and skips the frames before it. */
  nextOf(type: string): Promise<Frame>
  /** Sends a ping. Returns the frames that arrive before its pong, except `presence` and `heads` frames. */
  untilPong(): Promise<Frame[]>
  /** Resolves with the close code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>
  close(): Promise<void>
}

/** The options of the connection. `protocols` and the other options are those of `ws`. */
export interface ConnectOptions extends ClientOptions {
  readonly protocols?: string[]
}

/**
 * Opens a WebSocket. Rejects with the HTTP status in the message if the upgrade is refused. The socket is closed when the test
 * ends.
 */
export const connect = async (url: string, { protocols, ...options }: ConnectOptions = {}): Promise<SocketClient> => {
  const socket = new WebSocket(url, protocols, options)
  const client = bufferFrames(socket)
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  return client
}

/** Types of frames that may arrive at any time. `next` skips such frames, and `nextOf` returns them. */
const HINTS = new Set(['presence', 'heads'])

/** Creates a queue of frames in the order of arrival. */
const createQueue = () => {
  const frames: Frame[] = []
  const waiting: { resolve(frame: Frame): void; reject(error: Error): void }[] = []
  let ended: Error | undefined
  return {
    push(frame: Frame) {
      const first = waiting.shift()
      if (first) first.resolve(frame)
      else frames.push(frame)
    },
    next(): Promise<Frame> {
      const frame = frames.shift()
      if (frame) return Promise.resolve(frame)
      if (ended) return Promise.reject(ended)
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    end(error: Error) {
      ended = error
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
      for (const queue of [main, hints]) queue.end(new Error(`The socket closed with code ${code} ${reason}`))
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
