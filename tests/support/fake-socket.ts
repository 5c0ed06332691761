/**
 * Fakes a socket without a network. Tests read the written bytes as parsed frames, and can simulate a client that stops
 * reading.
 */
import { EventEmitter } from 'node:events'
import type { Socket } from '../../src/chat/connections/socket.ts'

/** A frame that the service sent. */
// biome-ignore lint/suspicious/noExplicitAny: tests read any field.
export type Sent = Record<string, any>

export class FakeSocket extends EventEmitter implements Socket {
  readonly extensions = ''
  readonly frames: Sent[] = []
  readyState = 1
  closedWith: number | undefined
  isPaused = false
  #isSlow = false
  #queued = 0
  /** Frames that the client sent and the service hasn't read yet. */
  #unread: object[] = []
  readonly _socket = this.#raw()

  get bufferedAmount(): number {
    return this.#queued
  }

  /** Simulates a client that has stopped reading. All writes stay queued from now on. */
  slow(): void {
    this.#isSlow = true
  }

  /** Simulates a client that reads again. Empties the queue. Later writes are not queued. */
  fast(): void {
    this.#isSlow = false
    this.#queued = 0
    this._socket.emit('drain')
  }

  /** Sends a frame from the client. The frame is queued while the socket is paused, as in the buffers of TCP. */
  receive(frame: object): void {
    this.#unread.push(frame)
    this.#read()
  }

  /** Breaks the connection, as when the client's process is killed. */
  kill(): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.emit('close')
  }

  send(): void {
    throw new Error('The service called send(). With this socket, frames must bypass ws.')
  }
  ping(): void {}
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
    setImmediate(() => this.#read())
  }
  close(code: number): void {
    this.closedWith = code
    this.kill()
  }
  terminate(): void {
    this.kill()
  }

  #read(): void {
    while (this.readyState === 1 && !this.isPaused && this.#unread.length > 0) {
      this.emit('message', Buffer.from(JSON.stringify(this.#unread.shift())), false)
    }
  }

  #raw() {
    const self = this
    class Raw extends EventEmitter {
      bytesWritten = 0
      get writableLength(): number {
        return self.#queued
      }
      write(bytes: Buffer): boolean {
        if (self.#isSlow) self.#queued += bytes.length
        self.frames.push(...decode(bytes))
        return !self.#isSlow
      }
    }
    return new Raw() as unknown as EventEmitter & NonNullable<Socket['_socket']>
  }
}

/** Parses the JSON of consecutive unmasked text frames. */
const decode = (bytes: Buffer): Sent[] => {
  const frames: Sent[] = []
  for (let at = 0; at < bytes.length; ) {
    const short = bytes[at + 1] ?? 0
    const header = short === 126 ? 4 : short === 127 ? 10 : 2
    const length =
      short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short
    frames.push(JSON.parse(bytes.toString('utf8', at + header, at + header + length)))
    at += header + length
  }
  return frames
}
