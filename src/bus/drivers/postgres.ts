/** Implements the bus with PostgreSQL's LISTEN and NOTIFY, so that no message broker is needed. */
import { createHash, randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { withTimeout } from '../../lib/timeout.ts'
import type { Bus, BusListener } from '../bus.ts'
import { announcementOf, createOutbox, deliver } from '../envelope.ts'

/** The methods of a database client that the driver uses; see `Notifications` in src/db/client/types.ts. */
export interface NotifyingDatabase {
  /** Sends payloads, each of less than 8,000 bytes, to a channel in one separate transaction. */
  notify(channel: string, payloads: readonly string[]): Promise<void>
  /**
   * Listens on a dedicated connection and reconnects when the connection is lost. Calls `onListening` after each `LISTEN`.
   * Resolves with a function that stops listening.
   */
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    onListening: () => void,
    onFailure?: (error: unknown) => void
  ): Promise<() => Promise<void>>
}

export interface PostgresBusOptions {
  readonly database: NotifyingDatabase
  /**
   * Returns texts that identify this service among the services on the same database: its schema, and the `epoch` of the room
   * `general`, which is an id of the incarnation of the log.
   */
  readonly instance: () => Promise<readonly string[]>
  /** Called with the error each time sending fails. The send is not retried, because other processes poll. */
  readonly onFailure?: (error: unknown) => void
  /** Called with the error each time listening fails. The bus then tries to listen again. */
  readonly onListenFailure?: (error: unknown) => void
  readonly clock?: Clock
  /**
   * Minimum time in milliseconds between two queries that send notifications. Announcements and events in between are sent
   * together.
   */
  readonly gatherMs?: number
}

/** Timeout in milliseconds for `close` to send the queued items. */
const CLOSE_TIMEOUT_MS = 1000

/** Interval in milliseconds at which this process sends a notification to itself. */
const HEARTBEAT_MS = 5000
/** Time in milliseconds without a heartbeat after which the listening connection is replaced. */
const REBUILD_MS = 15_000
/** Timeout in milliseconds for opening a listening connection. */
const OPEN_TIMEOUT_MS = 15_000

const NO_HEARTBEAT =
  'This process receives no notifications. If DATABASE_URL leads to a transaction pooler, set DATABASE_LISTEN_URL to a direct connection.'

/** Returns the name of the channel. It contains a hash, because an identifier in PostgreSQL has at most 63 bytes. */
const channelOf = (instance: readonly string[]): string =>
  `fastify_chat_${createHash('sha256').update(JSON.stringify(instance)).digest('hex').slice(0, 32)}`

/**
 * Creates the bus of one process. Apart from heartbeats, the bus sends one query at a time. Events that are published during a
 * query are sent in the next query.
 */
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
  // Every payload that this process sends begins with this text. A heartbeat consists of only this text and a closing brace.
  const ours = JSON.stringify({ from: processId }).slice(0, -1)
  let heardAt = clock.monotonic()
  let builtAt = heardAt
  let beatAt = heardAt
  let lagMs: number | undefined
  let listens = 0
  let failures = 0
  let stopBeating = () => {}
  let isClosed = false
  // Set when the bus starts to listen. Until then, all notifications are queued.
  let channel: string | undefined
  let timer: NodeJS.Timeout | undefined
  let earliest = 0
  let sending: Promise<void> | undefined
  let stop: (() => Promise<void>) | undefined

  const failed = (error: unknown): void => {
    failures++
    onFailure(error)
  }

  const send = async (): Promise<void> => {
    timer = undefined
    earliest = clock.monotonic() + gatherMs
    // Waits until the current synchronous code has ended, so that all notifications of this code are sent together.
    await undefined
    try {
      if (channel !== undefined) await database.notify(channel, outbox.take())
    } catch (error) {
      failed(error)
    }
    sending = undefined
    schedule()
  }
  const begin = (): void => {
    sending = send()
  }
  const schedule = (): void => {
    if (timer || sending || isClosed || outbox.isEmpty || channel === undefined) return
    const ms = earliest - clock.monotonic()
    // A timer takes at least a millisecond, even with a delay of 0.
    if (ms <= 0) return begin()
    timer = setTimeout(begin, ms)
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
    async announcement(roomId, seq) {
      // Sent under another name than that of this process, because this process must receive it too.
      const payload = announcementOf(`${processId}/transaction`, roomId, seq)
      return { channel: channel ?? channelOf(await instance()), payload }
    },
    publish(event) {
      const fits = outbox.publish(event)
      if (fits) schedule()
      return fits
    },
    msSinceHeartbeat: () => clock.monotonic() - heardAt,
    stats() {
      const silentMs = clock.monotonic() - heardAt
      const isFailing = silentMs >= REBUILD_MS
      return [
        { driver: 'postgres', lagMs, silentMs, isFailing, reconnects: Math.max(0, listens - 1), failures, dropped: 0 }
      ]
    },
    async listen(listener: BusListener) {
      const name = channelOf(await instance())
      channel = name
      const receive = (payload: string): void => {
        if (!payload.startsWith(ours)) return deliver(payload, listener, processId)
        heardAt = clock.monotonic()
        lagMs = heardAt - beatAt
      }
      const onListening = (): void => {
        listens++
        listener.reset()
      }
      let isOpening = false
      const open = async (): Promise<void> => {
        isOpening = true
        builtAt = clock.monotonic()
        let isLate = false
        try {
          const listening = database.listen(name, receive, onListening, onListenFailure)
          // If a listener opens after the timeout, it is stopped, because a later attempt opens another listener.
          listening.then(end => (isLate ? end() : undefined)).catch(() => {})
          stop = await withTimeout(OPEN_TIMEOUT_MS, 'the database', listening)
        } catch (error) {
          isLate = true
          throw error
        } finally {
          isOpening = false
        }
        // If `close` was called during `database.listen`, it could not stop this listener.
        if (isClosed) await stop()
      }
      const beat = (): void => {
        beatAt = clock.monotonic()
        database.notify(name, [`${ours}}`]).catch(failed)
        // Only one connection is opened at a time, so that the listener of an earlier attempt does not stay open.
        if (isOpening || clock.monotonic() - Math.max(heardAt, builtAt) < REBUILD_MS) return
        isOpening = true
        onListenFailure(new Error(NO_HEARTBEAT))
        const notOpened = (error: unknown): void => {
          // Makes the next call of `beat` try again.
          builtAt = Number.NEGATIVE_INFINITY
          onListenFailure(error)
        }
        const before = stop
        stop = undefined
        Promise.resolve(before?.()).catch(onListenFailure).then(open).catch(notOpened)
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
