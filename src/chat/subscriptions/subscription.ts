/**
 * One connection following one room: live, when it gets what is delivered as it comes, or catching up, when it has a cursor in
 * the log and nothing queued. A client that comes back, a slow reader and a full queue are all the same to it: it reads on
 * from its cursor as the socket drains, and where the cursor meets the head it is live, with no seam between.
 */
import type { Connection } from '../connections/connection.ts'
import { type Chunk, chunkOf, type Encoded, encode } from '../connections/socket-writer.ts'
import type { Entry } from '../log/codec.ts'
import type { Room, Subscriber } from '../rooms/room.ts'

/** More entries than these are not caught up with: the client loads history. */
const MAX_MISSED = 1000
/** What is written in one go while catching up, in bytes. */
const STRIDE_BYTES = 128 * 1024

type Reason = 'too_far' | 'expired' | 'epoch' | 'ahead'

/** Where a client says it stands. */
export interface Since {
  readonly after?: number | undefined
  readonly epoch?: string | undefined
}

export class Subscription implements Subscriber {
  readonly #connection: Connection
  readonly #room: Room
  /** Everything up to here was written to the socket. */
  #cursor: number
  #isLive = true
  #isReading = false
  #isEnded = false
  /** The presence that was last sent to the client. */
  #replaced: Encoded | undefined

  /** Begins to follow, says so, and catches up with what came after `after`. */
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
    // Refused by a full queue: from here on the log is read as the socket drains.
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

  /** Knows what was sent to the client on an earlier subscription to the room. */
  takeOver(before: Subscription): void {
    this.#replaced = before.#replaced
  }

  broken(reason: 'epoch' | 'expired'): void {
    this.#resync(reason)
  }

  /** Reads on, if it is behind and the socket has room. Called whenever that may have changed. */
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
        // Meanwhile it may have ended, or the log become another.
        if (this.#isEnded || this.#cursor !== from - 1) continue
        // Deleted since, or missing: what follows would hide the gap.
        if (entries[0]?.seq !== from) return this.#resync('expired')
        this.#write(entries)
      }
    } catch (err) {
      this.#connection.log.warn({ err }, 'catching up failed; it is tried again')
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

/** Why what came after `after` can't be delivered whole. */
const whyNot = (room: Room, after: number, epoch: string | undefined): Reason | undefined => {
  if (epoch !== undefined && epoch !== room.epoch) return 'epoch'
  if (after > room.head) return 'ahead'
  if (after < room.oldest - 1) return 'expired'
  return room.head - after > MAX_MISSED ? 'too_far' : undefined
}
