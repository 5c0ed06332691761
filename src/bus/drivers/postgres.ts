/** The bus over PostgreSQL's LISTEN and NOTIFY: no other service to run. */
import { createHash, randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { withTimeout } from '../../lib/timeout.ts'
import type { Bus, BusListener } from '../bus.ts'
import { createOutbox, deliver } from '../envelope.ts'

/** What the driver needs of a database; see src/db/client/open.ts. */
export interface NotifyingDatabase {
  /** Sends payloads to a channel, each under 8,000 bytes, outside any transaction of the log. */
  notify(channel: string, payloads: readonly string[]): Promise<void>
  /** Listens on a connection of its own, which is made again when it breaks; `onListening` is called each time. */
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    onListening: () => void,
    onFailure?: (error: unknown) => void
  ): Promise<() => Promise<void>>
}

export interface PostgresBusOptions {
  readonly database: NotifyingDatabase
  /** What tells instances apart that share a database: its schema, and its log's epoch. */
  readonly instance: () => Promise<readonly string[]>
  /** Told of each failure to send; nothing else is done about it, since others look by themselves. */
  readonly onFailure?: (error: unknown) => void
  /** Called with each failure to listen, which is tried again. */
  readonly onDeaf?: (error: unknown) => void
  readonly clock?: Clock
  /** The least time between two notifications, in milliseconds: what comes meanwhile goes together. */
  readonly gatherMs?: number
}

/** How long the last words may take, in milliseconds. */
const GOODBYE_MS = 1000

/** How often this process notifies itself, and after which silence its listening connection is replaced, in milliseconds. */
const HEARTBEAT_MS = 5000
const REBUILD_MS = 15_000

/** A channel's name: an identifier of PostgreSQL has at most 63 bytes. */
const channelOf = (instance: readonly string[]): string =>
  `fastify_chat_${createHash('sha256').update(JSON.stringify(instance)).digest('hex').slice(0, 32)}`

/** Makes one end. At most one notification is on its way; what comes meanwhile is gathered. */
export const createPostgresBus = ({
  database,
  instance,
  onFailure = () => {},
  onDeaf = () => {},
  clock = systemClock,
  gatherMs = 3
}: PostgresBusOptions): Bus => {
  const processId = randomUUID()
  const outbox = createOutbox(processId)
  // What begins so is our own: a heartbeat, or a notification that this process sent.
  const ours = JSON.stringify({ from: processId }).slice(0, -1)
  let heardAt = clock.monotonic()
  let builtAt = heardAt
  let stopBeating = () => {}
  let isClosed = false
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
        earliest = clock.monotonic() + gatherMs
        sending = send()
      },
      Math.max(0, earliest - clock.monotonic())
    )
    timer.unref()
  }

  const sayRest = async (): Promise<void> => {
    await sending
    while (channel !== undefined && !outbox.isEmpty) await database.notify(channel, outbox.take())
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
    deafForMs: () => clock.monotonic() - heardAt,
    async listen(listener: BusListener) {
      const name = channelOf(await instance())
      channel = name
      const hear = (payload: string): void => {
        if (payload.startsWith(ours)) heardAt = clock.monotonic()
        else deliver(payload, listener, processId)
      }
      const open = async (): Promise<void> => {
        builtAt = clock.monotonic()
        stop = await database.listen(name, hear, () => listener.reset(), onDeaf)
        // The bus was closed meanwhile.
        if (isClosed) await stop()
      }
      const beat = (): void => {
        database.notify(name, [`${ours}}`]).catch(onFailure)
        if (clock.monotonic() - Math.max(heardAt, builtAt) < REBUILD_MS) return
        builtAt = clock.monotonic()
        onDeaf(new Error('no notification of our own arrives; a transaction pooler needs DATABASE_LISTEN_URL'))
        const failed = (error: unknown): void => {
          // The next heartbeat tries again.
          builtAt = Number.NEGATIVE_INFINITY
          onDeaf(error)
        }
        Promise.resolve(stop?.()).then(open).catch(failed)
      }
      heardAt = clock.monotonic()
      await open()
      stopBeating = clock.every(HEARTBEAT_MS, beat)
      schedule()
    },
    async close() {
      isClosed = true
      stopBeating()
      clearTimeout(timer)
      timer = undefined
      // A database that is cut off must not hold up a stop: what isn't told, others see by themselves.
      await withTimeout(GOODBYE_MS, 'the database', sayRest()).catch(onFailure)
      clearTimeout(timer)
      await stop?.()
    }
  }
}
