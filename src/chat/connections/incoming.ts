/**
 * Receives the frames of a connection. Charges frames and bytes to the connection's quota. Decodes and handles frames in
 * order, a bounded number per turn of the event loop. Pauses reads while too much is queued (backpressure).
 */
import type { Clock } from '../../lib/clock.ts'
import { CLOSE } from '../../protocol/close-codes.ts'
import type { Connection } from './connection.ts'
import type { Decoded } from './decode.ts'
import { costOf, FrameQuota } from './frame-quota.ts'
import { Inbox, type InboxOwner } from './inbox.ts'
import type { Liveness } from './liveness.ts'
import type { Socket } from './socket.ts'

/** A frame that `ws` has received. */
interface InboundFrame {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** The members of a connection that are used when frames arrive. */
export type Receiver = Pick<
  Connection,
  'isEnded' | 'accepts' | 'mayHandle' | 'handle' | 'refuse' | 'close' | 'flooded' | 'drained'
>

export interface IncomingOptions {
  readonly socket: Socket
  readonly clock: Clock
  readonly liveness: Liveness
  readonly decode: (text: string) => Decoded
  readonly maxFrameBytes: number
  /** Maximum number of bytes per second that a connection may send. 0 disables the limit. */
  readonly bytesPerSecond: number
}

export class Incoming implements InboxOwner<InboundFrame> {
  readonly quota: FrameQuota
  readonly #socket: Socket
  readonly #receiver: Receiver
  readonly #liveness: Liveness
  readonly #decode: IncomingOptions['decode']
  readonly #maxFrameBytes: number
  readonly #inbox = new Inbox<InboundFrame>(this)
  #isPaused = false
  #isFlooding = false

  constructor(receiver: Receiver, { socket, clock, liveness, decode, maxFrameBytes, bytesPerSecond }: IncomingOptions) {
    this.#socket = socket
    this.#receiver = receiver
    this.#liveness = liveness
    this.#maxFrameBytes = maxFrameBytes
    this.#decode = decode
    this.quota = new FrameQuota({ clock, bytesPerSecond, bytesRead: this.#bytesRead })
    const control = (): void => this.#control()
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    // `ws` responds to pings itself. Pings and pongs are charged to the quota like any other frame.
    socket.on('pong', control)
    socket.on('ping', control)
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#socket.pause()
  }

  /** Handles queued frames, if the connection may handle frames now. */
  proceed(): void {
    this.#inbox.proceed()
  }

  /** Resumes reads, unless frames are still queued. */
  resume(): void {
    if (!this.#isPaused || this.#inbox.isHolding) return
    this.#isPaused = false
    this.#socket.resume()
  }

  /** Charges frames, and the bytes read since the last call. If the quota is exceeded, reports flooding and returns false. */
  charge(frames: number): boolean {
    if (this.#isFlooding) return false
    if (this.quota.charge(frames, this.#bytesRead)) return true
    if (!this.#receiver.isEnded) this.#isFlooding = true
    this.#receiver.flooded()
    return false
  }

  /**
   * Drops queued frames, stops reads, and ends the socket after its queued bytes are written, because a client that floods
   * continues to send while its connection is being closed.
   */
  stop(): void {
    this.#inbox.clear()
    this.#socket.pause()
    this.#socket._socket?.end?.()
  }

  #receive(data: Buffer, isBinary: boolean): void {
    const { isEnded } = this.#receiver
    if (!this.charge(isEnded ? 1 : 0) || isEnded) return
    this.#liveness.heard()
    // If the option `maxPayload` of `ws` is set (see src/http/handshake.ts), `ws` closes the socket before this check. The
    // check also enforces the limit without this option.
    if (data.length > this.#maxFrameBytes) return this.#receiver.close(CLOSE.frameTooBig)
    this.#inbox.add({ data, isBinary })
  }

  bytesOf({ data }: InboundFrame): number {
    return data.length
  }

  mayHandle(): boolean {
    return this.#receiver.mayHandle()
  }

  onHeld(): void {
    this.pause()
  }

  onEmpty(): void {
    this.#receiver.drained()
  }

  handle({ data, isBinary }: InboundFrame): void {
    const decoded = this.#decode(isBinary ? '' : data.toString())
    if (!this.#receiver.accepts(decoded.kind === 'command')) return
    if (!this.charge(costOfDecoded(decoded))) return
    if (decoded.kind === 'refused') this.#receiver.refuse(decoded.error, decoded.marks)
    if (decoded.kind === 'frame' || decoded.kind === 'command') this.#receiver.handle(decoded)
  }

  #control(): void {
    if (this.charge(1)) this.#liveness.heard()
  }

  get #bytesRead(): number {
    return this.#socket._socket?.bytesRead ?? 0
  }
}

/** Returns how many frames a decoded frame counts as. A command counts as 0, because commands have a limit per user instead. */
const costOfDecoded = (decoded: Decoded): number => {
  if (decoded.kind === 'command') return 0
  return decoded.kind === 'frame' ? costOf(decoded.frame.type) : 1
}
