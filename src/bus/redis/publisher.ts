/** Publishes the numbered payloads of this process on Redis, and reports those that Redis did not confirm. */
import type { RedisLink } from './link.ts'
import type { Signature } from './signature.ts'

export interface PublisherOptions {
  readonly link: Pick<RedisLink, 'isUp' | 'publish'>
  /** Called with each payload that Redis did not confirm, unless `hasOther` was true for the payload. */
  readonly onUnconfirmed: (payload: string) => void
  /** Called with each error. Redis then counts as failed. */
  readonly onFailure: (error: unknown) => void
}

/** A payload with its number. */
export interface Numbered {
  readonly n: number
  readonly payload: string
}

export interface Publisher {
  /** The number of the newest payload that Redis has confirmed. */
  readonly sent: number
  /** The number of payloads that were not published, because `MAX_WAITING_BYTES` bytes already waited for confirmation. */
  readonly dropped: number
  readonly errors: number
  /** Publishes a payload without waiting. `hasOther` is true if the payload is also sent over PostgreSQL, or is a heartbeat. */
  publish(numbered: Numbered, channel: string, signature: Signature, hasOther: boolean): void
  /** Resolves when every payload is confirmed or has failed, which takes at most as long as the timeout of a command. */
  idle(): Promise<void>
}

/** Maximum size in bytes of the payloads that wait for the confirmation of Redis. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024

export const createPublisher = ({ link, onUnconfirmed, onFailure }: PublisherOptions): Publisher => {
  const running = new Set<Promise<void>>()
  let waitingBytes = 0
  let [sent, dropped, errors] = [0, 0, 0]

  const attempt = async ({ n, payload }: Numbered, message: string, channel: string, hasOther: boolean) => {
    try {
      await link.publish(channel, message)
      sent = Math.max(sent, n)
    } catch (error) {
      errors++
      onFailure(error)
      if (!hasOther) onUnconfirmed(payload)
    }
  }

  return {
    get sent() {
      return sent
    },
    get dropped() {
      return dropped
    },
    get errors() {
      return errors
    },
    publish(numbered, channel, signature, hasOther) {
      const { payload } = numbered
      const isFull = waitingBytes + payload.length > MAX_WAITING_BYTES
      if (!link.isUp || isFull) {
        if (isFull) {
          dropped++
          onFailure(new Error('Too many bytes wait until Redis confirms them.'))
        }
        if (!hasOther) onUnconfirmed(payload)
        return
      }
      waitingBytes += payload.length
      const attempted = attempt(numbered, signature.sign(payload), channel, hasOther).finally(() => {
        waitingBytes -= payload.length
        running.delete(attempted)
      })
      running.add(attempted)
    },
    async idle() {
      await Promise.all(running)
    }
  }
}
