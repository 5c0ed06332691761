/** A socket without a network: what is written can be read as frames, and its reader can be slow. */
import { EventEmitter } from 'node:events'
import type { Socket } from '../../src/chat/connections/socket.ts'

/** A frame as the service sent it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at any field.
export type Sent = Record<string, any>

export class FakeSocket extends EventEmitter implements Socket {
  readonly extensions = ''
  readonly frames: Sent[] = []
  readyState = 1
  closedWith: number | undefined
  isPaused = false
  #isSlow = false
  #queued = 0
  /** Frames that the client sent and the service has not read yet. */
  #unread: object[] = []
  readonly _socket = this.#raw()

  get bufferedAmount(): number {
    return this.#queued
  }

  /** From now on nothing that is written leaves the queue. */
  slow(): void {
    this.#isSlow = true
  }

  /** The queue empties, and stays empty. */
  fast(): void {
    this.#isSlow = false
    this.#queued = 0
    this._socket.emit('drain')
  }

  /** Sends a frame from the client. While the socket is paused the frame waits, as it does in TCP's buffers. */
  receive(frame: object): void {
    this.#unread.push(frame)
    this.#read()
  }

  /** The connection is gone, as when the client's process is killed. */
  kill(): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.emit('close')
  }

  send(): void {
    throw new Error('everything goes past ws here')
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

/** The JSON of unmasked text frames that lie one after another. */
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
