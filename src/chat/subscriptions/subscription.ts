/**
 * Subscribes one connection to one room. A live subscription sends entries as the room delivers them. If the client reads
 * slowly or was disconnected, the subscription catches up instead: each time the socket has drained, the subscription reads
 * further entries from the log, starting after its cursor. A subscription has no queue of its own. When the cursor reaches the
 * head of the log, the subscription is live again.
 */
import { CLOSE } from '../../protocol/close-codes.ts'
import type { Connection } from '../connections/connection.ts'
import { type Chunk, type Encoded, encode, sharedChunkOf } from '../connections/encoded.ts'
import type { Outgoing } from '../connections/outgoing.ts'
import type { Entry } from '../log/entry.ts'
import type { RemovalReason, Subscriber } from '../rooms/delivery.ts'
import type { Room } from '../rooms/room.ts'

/**
 * Maximum number of missed entries that are sent to a client. A client that missed more entries receives `resync`, and has to
 * load the history.
 */
const MAX_MISSED = 1000
/** Approximate size in bytes of one write while a subscription catches up. */
const STRIDE_BYTES = 128 * 1024

type Reason = 'too_far' | 'expired' | 'epoch' | 'ahead'

/** The entries that a client has already received: those up to and including `after`, in the incarnation `epoch` of the log. */
export interface Since {
  readonly after?: number | undefined
  readonly epoch?: string | undefined
}

export interface SubscriptionOptions {
  /** The `ref` that `subscribed` or `resync` repeats. */
  readonly ref: string | undefined
  /** Called with the outcome of a request for missed entries, and with the reason of each `resync` frame that is sent later. */
  readonly onResumed: (outcome: 'resumed' | Reason) => void
  /** Called when the user was removed from the room. Must end the subscription. */
  readonly onRemoved: (reason: RemovalReason) => void
}

export class Subscription implements Subscriber {
  readonly #connection: Connection
  readonly #outgoing: Outgoing
  readonly #room: Room
  readonly #onRemoved: SubscriptionOptions['onRemoved']
  readonly #onResumed: SubscriptionOptions['onResumed']
  /** The next entry to write to the socket is the one after this `seq`. */
  #cursor: number
  #isLive = true
  #isReading = false
  #isEnded = false
  /** The presence frame that was last sent. */
  #replaced: Encoded | undefined

  /**
   * Sends `subscribed`, and then the entries after `after`. If some of these entries cannot be delivered, sends `resync`
   * instead.
   */
  constructor(
    connection: Connection,
    room: Room,
    { after, epoch }: Since,
    { ref, onRemoved, onResumed }: SubscriptionOptions
  ) {
    this.#connection = connection
    this.#outgoing = connection.outgoing
    this.#room = room
    this.#onRemoved = onRemoved
    this.#onResumed = onResumed
    this.#cursor = room.head
    room.subscribers.add(this)
    const reason = after === undefined ? undefined : whyNot(room, after, epoch)
    if (after !== undefined) onResumed(reason ?? 'resumed')
    this.#sendState(reason ? 'resync' : 'subscribed', reason ? { reason } : {}, ref)
    if (reason || after === undefined || after >= room.head) return
    this.#cursor = after
    this.#isLive = false
    this.resume()
  }

  get userId(): number {
    return this.#connection.principal.userId
  }

  get showsReads(): boolean {
    return this.#connection.showsReads
  }

  end(): void {
    this.#isEnded = true
    this.#room.subscribers.delete(this)
  }

  deliver(chunk: Chunk, head: number): void {
    if (!this.#isLive) return
    // If the socket's queue is full, the entries are not written. The subscription reads them from the log as the queue drains.
    if (this.#outgoing.write(chunk)) this.#cursor = head
    else this.#isLive = false
  }

  hint(frame: Encoded, exceptUserId?: number): void {
    if (this.#connection.principal.userId !== exceptUserId) this.#outgoing.hint(frame)
  }

  replace(frame: Encoded): void {
    if (this.#replaced?.frame.equals(frame.frame)) return
    if (this.#outgoing.hint(frame)) this.#replaced = frame
  }

  /** Copies the last presence frame from the subscription that this one replaces, so that an equal frame isn't sent again. */
  takeOver(before: Subscription): void {
    this.#replaced = before.#replaced
  }

  interrupt(): void {
    this.#connection.close(CLOSE.tryLater)
  }

  removed(reason: RemovalReason): void {
    this.#onRemoved(reason)
  }

  broken(reason: 'epoch' | 'expired'): void {
    this.#resync(reason)
  }

  /** Continues to catch up, if `Outgoing.mayCatchUp` is true. Called when the socket's queue may have become shorter. */
  resume(): void {
    if (!this.#isLive && !this.#isReading && !this.#isEnded) void this.#catchUp()
  }

  async #catchUp(): Promise<void> {
    this.#isReading = true
    try {
      while (!this.#isEnded && this.#outgoing.mayCatchUp) {
        if (this.#cursor >= this.#room.head) {
          this.#isLive = true
          return
        }
        const from = this.#cursor + 1
        if (from < this.#room.oldest) return this.#resync('expired')
        const found = this.#room.from(from)
        const entries = Array.isArray(found) ? found : await found
        // If the subscription ended during the read, or if the log was replaced by a new incarnation, the result is out of
        // date.
        if (this.#isEnded || this.#cursor !== from - 1) continue
        // If the next entry was deleted, sends `resync` and not the later entries, because a client relies on receiving the
        // missed entries without a gap.
        if (entries[0]?.seq !== from) return this.#resync('expired')
        this.#write(entries)
      }
    } catch (err) {
      this.#connection.log.warn({ err }, 'failed to read the log for a subscription; retrying')
    } finally {
      this.#isReading = false
    }
  }

  #write(entries: Entry[]): void {
    let bytes = 0
    let count = 0
    while (count < entries.length && bytes < STRIDE_BYTES) bytes += entries[count++]?.frame.length ?? 0
    const stride = entries.slice(0, count)
    if (this.#outgoing.write(sharedChunkOf(stride))) this.#cursor = stride.at(-1)?.seq ?? this.#cursor
  }

  #resync(reason: Reason): void {
    this.#cursor = this.#room.head
    this.#isLive = true
    this.#onResumed(reason)
    this.#sendState('resync', { reason }, undefined)
  }

  #sendState(type: 'subscribed' | 'resync', more: { reason?: Reason }, ref: string | undefined): void {
    const { name, epoch, head, oldest } = this.#room
    const marks = ref === undefined ? {} : { ref }
    this.#connection.reply(encode(JSON.stringify({ type, room: name, epoch, seq: head, oldest, ...more, ...marks })))
  }
}

/** Returns why the entries after `after` cannot be delivered completely, or `undefined` if they can. */
const whyNot = (room: Room, after: number, epoch: string | undefined): Reason | undefined => {
  if (epoch !== undefined && epoch !== room.epoch) return 'epoch'
  if (after > room.head) return 'ahead'
  if (after < room.oldest - 1) return 'expired'
  return room.head - after > MAX_MISSED ? 'too_far' : undefined
}
