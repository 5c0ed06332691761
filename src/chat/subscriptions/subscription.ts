/**
 * Subscribes one connection to one room. A subscription is live, and receives entries as they are delivered, or it catches up: it has
 * a cursor in the log and nothing queued. A client that reconnects, a slow reader and a full queue are handled alike: the log is read
 * from the cursor as the socket drains, and the subscription is live again when the cursor reaches the head, in one turn of the loop.
 */
import type { Connection } from '../connections/connection.ts'
import { type Chunk, chunkOf, type Encoded, encode } from '../connections/socket-writer.ts'
import type { Entry } from '../log/codec.ts'
import type { Room, Subscriber } from '../rooms/room.ts'

/** A client that missed more entries than this receives `resync`, and loads history. */
const MAX_MISSED = 1000
/** Limits one write while catching up, in bytes. */
const STRIDE_BYTES = 128 * 1024

type Reason = 'too_far' | 'expired' | 'epoch' | 'ahead'

/** Describes what a client has received. */
export interface Since {
  readonly after?: number | undefined
  readonly epoch?: string | undefined
}

export class Subscription implements Subscriber {
  readonly #connection: Connection
  readonly #room: Room
  /** Holds the `seq` up to which everything was written to the socket. */
  #cursor: number
  #isLive = true
  #isReading = false
  #isEnded = false
  /** The presence frame that was last sent. */
  #replaced: Encoded | undefined

  /** Sends `subscribed` or `resync`, and catches up with the entries after `after`. */
  constructor(connection: Connection, room: Room, { after, epoch }: Since, ref: string | undefined) {
    this.#connection = connection
    this.#room = room
    this.#cursor = room.head
    room.subscribers.add(this)
    const reason = after === undefined ? undefined : whyNot(room, after, epoch)
    this.#say(reason ? 'resync' : 'subscribed', reason ? { reason } : {}, ref)
    if (reason || after === undefined || after >= room.head) return
    this.#cursor = after
    this.#isLive = false
    this.resume()
  }

  end(): void {
    this.#isEnded = true
    this.#room.subscribers.delete(this)
  }

  deliver(chunk: Chunk, head: number): void {
    if (!this.#isLive) return
    // The queue is full: from here on the log is read as the socket drains.
    if (this.#connection.write(chunk)) this.#cursor = head
    else this.#isLive = false
  }

  hint(frame: Encoded, exceptUserId?: number): void {
    if (this.#connection.principal.userId !== exceptUserId) this.#connection.hint(frame)
  }

  replace(frame: Encoded): void {
    if (this.#replaced?.frame.equals(frame.frame)) return
    if (this.#connection.hint(frame)) this.#replaced = frame
  }

  /** Takes over what was sent to the client on an earlier subscription to the room. */
  takeOver(before: Subscription): void {
    this.#replaced = before.#replaced
  }

  broken(reason: 'epoch' | 'expired'): void {
    this.#resync(reason)
  }

  /** Continues to catch up, if the socket has room. Called whenever that may have changed. */
  resume(): void {
    if (!this.#isLive && !this.#isReading && !this.#isEnded) void this.#catchUp()
  }

  async #catchUp(): Promise<void> {
    this.#isReading = true
    try {
      while (!this.#isEnded && this.#connection.hasRoom) {
        if (this.#cursor >= this.#room.head) {
          this.#isLive = true
          return
        }
        const from = this.#cursor + 1
        if (from < this.#room.oldest) return this.#resync('expired')
        const found = this.#room.from(from)
        const entries = Array.isArray(found) ? found : await found
        // The subscription may have ended meanwhile, or the log been replaced.
        if (this.#isEnded || this.#cursor !== from - 1) continue
        // The entry was deleted, or is missing: later entries would hide the gap.
        if (entries[0]?.seq !== from) return this.#resync('expired')
        this.#write(entries)
      }
    } catch (err) {
      this.#connection.log.warn({ err }, 'a subscription could not be read from the log; it is retried')
    } finally {
      this.#isReading = false
    }
  }

  #write(entries: Entry[]): void {
    let bytes = 0
    let count = 0
    while (count < entries.length && bytes < STRIDE_BYTES) bytes += entries[count++]?.frame.length ?? 0
    const stride = entries.slice(0, count)
    if (this.#connection.write(chunkOf(stride))) this.#cursor = stride.at(-1)?.seq ?? this.#cursor
  }

  #resync(reason: Reason): void {
    this.#cursor = this.#room.head
    this.#isLive = true
    this.#say('resync', { reason }, undefined)
  }

  #say(type: 'subscribed' | 'resync', more: { reason?: Reason }, ref: string | undefined): void {
    const { name, epoch, head, oldest } = this.#room
    const marks = ref === undefined ? {} : { ref }
    this.#connection.reply(encode(JSON.stringify({ type, room: name, epoch, seq: head, oldest, ...more, ...marks })))
  }
}

/** Returns why the entries after `after` can't be delivered completely. */
const whyNot = (room: Room, after: number, epoch: string | undefined): Reason | undefined => {
  if (epoch !== undefined && epoch !== room.epoch) return 'epoch'
  if (after > room.head) return 'ahead'
  if (after < room.oldest - 1) return 'expired'
  return room.head - after > MAX_MISSED ? 'too_far' : undefined
}
