/** Implements the bus over PostgreSQL's LISTEN and NOTIFY, so that no other service is needed. */
import { createHash, randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { withTimeout } from '../../lib/timeout.ts'
import type { Bus, BusListener } from '../bus.ts'
import { createOutbox, deliver } from '../envelope.ts'

/** Lists what the driver needs of a database; see src/db/client/open.ts. */
export interface NotifyingDatabase {
  /** Sends payloads to a channel, each under 8,000 bytes, outside the transactions of the log. */
  notify(channel: string, payloads: readonly string[]): Promise<void>
  /** Listens on a dedicated connection and reconnects when it breaks. Calls `onListening` after each connection. */
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    onListening: () => void,
    onFailure?: (error: unknown) => void
  ): Promise<() => Promise<void>>
}

export interface PostgresBusOptions {
  readonly database: NotifyingDatabase
  /** Returns what distinguishes instances that share a database: the schema, and the epoch of the log. */
  readonly instance: () => Promise<readonly string[]>
  /** Called with each failure to send. A failed send is not retried, because other processes poll. */
  readonly onFailure?: (error: unknown) => void
  /** Called with each failure to listen, which is retried. */
  readonly onListenFailure?: (error: unknown) => void
  readonly clock?: Clock
  /** Sets the minimum time between two notifications, in milliseconds. Events in between are sent together. */
  readonly gatherMs?: number
}

/** Limits how long sending the queue may take on close, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1000

/** Sets how often this process notifies itself, in milliseconds. */
const HEARTBEAT_MS = 5000
/** Replaces the listening connection after this long without a notification of our own, in milliseconds. */
const REBUILD_MS = 15_000

const NO_HEARTBEAT =
  'The bus receives no notification. Behind a transaction pooler, set DATABASE_LISTEN_URL to the database itself.'

/** Returns the name of a channel; an identifier of PostgreSQL has at most 63 bytes. */
const channelOf = (instance: readonly string[]): string =>
  `fastify_chat_${createHash('sha256').update(JSON.stringify(instance)).digest('hex').slice(0, 32)}`

/** Creates the bus of one process. At most one notification is in flight; further events are gathered meanwhile. */
export const createPostgresBus = ({
  database,
  instance,
  onFailure = () => {},
  onListenFailure = () => {},
  clock = systemClock,
  gatherMs = 3
}: PostgresBusOptions): Bus => {
  const processId = randomUUID()
  const outbox = createOutbox(processId)
  // A payload that begins like this is our own: a heartbeat, or a notification that this process sent.
  const ours = JSON.stringify({ from: processId }).slice(0, -1)
  let heardAt = clock.monotonic()
  let builtAt = heardAt
  let stopBeating = () => {}
  let isClosed = false
  // Set when the bus listens; until then everything is queued.
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

  const sendRest = async (): Promise<void> => {
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
    msSinceHeartbeat: () => clock.monotonic() - heardAt,
    async listen(listener: BusListener) {
      const name = channelOf(await instance())
      channel = name
      const receive = (payload: string): void => {
        if (payload.startsWith(ours)) heardAt = clock.monotonic()
        else deliver(payload, listener, processId)
      }
      const open = async (): Promise<void> => {
        builtAt = clock.monotonic()
        stop = await database.listen(name, receive, () => listener.reset(), onListenFailure)
        // The bus was closed in the meantime.
        if (isClosed) await stop()
      }
      const beat = (): void => {
        database.notify(name, [`${ours}}`]).catch(onFailure)
        if (clock.monotonic() - Math.max(heardAt, builtAt) < REBUILD_MS) return
        builtAt = clock.monotonic()
        onListenFailure(new Error(NO_HEARTBEAT))
        const failed = (error: unknown): void => {
          // The next heartbeat retries.
          builtAt = Number.NEGATIVE_INFINITY
          onListenFailure(error)
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
      // An unreachable database must not delay a shutdown. Other processes find unsent changes when they poll.
      await withTimeout(CLOSE_TIMEOUT_MS, 'the database', sendRest()).catch(onFailure)
      clearTimeout(timer)
      await stop?.()
    }
  }
}
