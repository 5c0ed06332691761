/** The bus over PostgreSQL's LISTEN and NOTIFY: no other service to run. */
import { createHash, randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import { within } from '../within.ts'
import type { Bus, BusListener } from './bus.ts'
import { createOutbox, tell } from './envelope.ts'

/** What the driver needs of a database; see src/db/client.ts. */
export interface NotifyingDatabase {
  /** Sends payloads to a channel, each under 8,000 bytes, outside any transaction of the log. */
  notify(channel: string, payloads: readonly string[]): Promise<void>
  /** Listens on a connection of its own, which is made again when it breaks; `onListening` is called each time. */
  listen(channel: string, onPayload: (payload: string) => void, onListening: () => void): Promise<() => Promise<void>>
}

export interface PostgresBusOptions {
  readonly database: NotifyingDatabase
  /** What tells instances apart that share a database: its schema, and its log's epoch. */
  readonly instance: () => Promise<readonly string[]>
  /** Told of each failure to send; nothing else is done about it, since others look by themselves. */
  readonly onFailure?: (error: unknown) => void
  /** The least time between two notifications, in milliseconds: what comes meanwhile goes together. */
  readonly gatherMs?: number
}

/** How long the last words may take, in milliseconds. */
const GOODBYE_MS = 1000

/** A channel's name: an identifier of PostgreSQL has at most 63 bytes. */
const channelOf = (instance: readonly string[]): string =>
  `fastify_chat_${createHash('sha256').update(JSON.stringify(instance)).digest('hex').slice(0, 32)}`

/** Makes one end. At most one notification is on its way; what comes meanwhile is gathered. */
export const createPostgresBus = ({
  database,
  instance,
  onFailure = () => {},
  gatherMs = 3
}: PostgresBusOptions): Bus => {
  const processId = randomUUID()
  const outbox = createOutbox(processId)
  // Known once it listens; until then everything waits.
  let channel: string | undefined
  let timer: NodeJS.Timeout | undefined
  let earliest = 0
  let sending: Promise<void> | undefined
  let stop: (() => Promise<void>) | undefined

  const send = async (): Promise<void> => {
    try {
      if (channel !== undefined) await database.notify(channel, outbox.take())
    } catch (error) {
      onFailure(error)
    }
    sending = undefined
    schedule()
  }
  const schedule = (): void => {
    if (timer || sending || outbox.isEmpty || channel === undefined) return
    timer = setTimeout(
      () => {
        timer = undefined
        earliest = systemClock.monotonic() + gatherMs
        sending = send()
      },
      Math.max(0, earliest - systemClock.monotonic())
    )
    timer.unref()
  }

  const sayRest = async (): Promise<void> => {
    await sending
    if (channel !== undefined && !outbox.isEmpty) await database.notify(channel, outbox.take())
  }

  return {
    processId,
    announce(roomId, seq) {
      outbox.announce(roomId, seq)
      schedule()
    },
    publish(event) {
      const fits = outbox.publish(event)
      if (fits) schedule()
      return fits
    },
    async listen(listener: BusListener) {
      channel = channelOf(await instance())
      stop = await database.listen(
        channel,
        payload => tell(payload, listener, processId),
        () => listener.reset()
      )
      schedule()
    },
    async close() {
      clearTimeout(timer)
      timer = undefined
      // A database that is cut off must not hold up a stop: what isn't told, others see by themselves.
      await within(GOODBYE_MS, 'the database', sayRest()).catch(onFailure)
      clearTimeout(timer)
      await stop?.()
    }
  }
}
