/** Implements the bus with PostgreSQL's LISTEN and NOTIFY, so that no message broker is needed. */
import { createHash, randomUUID } from 'node:crypto'
import type { Listener, Notifications } from '../../db/client/types.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { withTimeout } from '../../lib/timeout.ts'
import type { Bus } from '../bus.ts'
import { announcementOf } from '../envelope.ts'
import { createPacedBus, type PacingOptions } from '../paced.ts'
import type { Receiver, Transport } from '../transport.ts'

export interface PostgresTransportOptions {
  readonly database: Pick<Notifications, 'notify' | 'listen'>
  /**
   * Returns texts that identify this service among the services on the same database: its schema, and the `epoch` of the room
   * `general`, which identifies the incarnation of the log.
   */
  readonly instance: () => Promise<readonly string[]>
  /** Called with the error each time a heartbeat can't be sent. */
  readonly onFailure?: (error: unknown) => void
  /** Called with the error each time listening fails. The transport then tries to listen again. */
  readonly onListenFailure?: (error: unknown) => void
  readonly clock?: Clock
  /** Returns the fields that heartbeats contain in addition to the id of the process. */
  readonly heartbeat?: () => object
}

export interface PostgresTransport extends Transport {
  /** The channel. Undefined until the transport listens. */
  readonly channel: string | undefined
  /** Sends a heartbeat now. */
  beat(): void
}

export type PostgresBusOptions = PostgresTransportOptions & PacingOptions

/** Interval in milliseconds at which this process sends a heartbeat. All processes receive it, including this one. */
const HEARTBEAT_MS = 5000
/** Time in milliseconds without a heartbeat after which the listening connection is replaced. */
const REBUILD_MS = 15_000
/** Timeout in milliseconds for opening a listening connection. */
const OPEN_TIMEOUT_MS = 15_000
/** Time in milliseconds for which this process may send on the listening connection after the last heartbeat received there. */
const PROVEN_MS = 2 * HEARTBEAT_MS
/** Timeout in milliseconds for sending on the listening connection. After a timeout, another connection sends the payloads. */
const SEND_TIMEOUT_MS = 1000

/** Matches a payload that is not a heartbeat. See `Envelope` in envelope.ts. */
const CONTENT = /"(?:grown|events)":/

const NO_HEARTBEAT =
  'This process receives no notifications. If DATABASE_URL leads to a transaction pooler, set DATABASE_LISTEN_URL to a direct connection.'

/** Returns the name of the channel. It contains a hash, because an identifier in PostgreSQL has at most 63 bytes. */
const channelOf = (instance: readonly string[]): string =>
  `fastify_chat_${createHash('sha256').update(JSON.stringify(instance)).digest('hex').slice(0, 32)}`

/** Creates the bus of one process. Apart from heartbeats, it sends one query at a time. */
export const createPostgresBus = (options: PostgresBusOptions): Bus =>
  createPacedBus(createPostgresTransport(options), options)

export const createPostgresTransport = ({
  database,
  instance,
  onFailure = () => {},
  onListenFailure = () => {},
  clock = systemClock,
  heartbeat = () => ({})
}: PostgresTransportOptions): PostgresTransport => {
  const processId = randomUUID()
  // Every payload that this process sends begins with this text.
  const ours = JSON.stringify({ from: processId }).slice(0, -1)
  let heardAt = clock.monotonic()
  let builtAt = heardAt
  let lastBeat = { payload: '', at: heardAt }
  let lagMs: number | undefined
  let listens = 0
  let failures = 0
  let stopBeating = () => {}
  let isClosed = false
  let isOpening = false
  // Undefined until the transport listens. Until then, `isOpen` is false, and the bus queues its notifications.
  let channel: string | undefined
  let listener: Listener | undefined
  /**
   * The monotonic time in milliseconds at which the listening connection last received a heartbeat of this process. `-Infinity`
   * after this connection was opened or failed to send. Heartbeats are sent on another connection. So a received heartbeat
   * proves that both connections lead to the same database, and that no transaction pooler is in between.
   */
  let provenAt = Number.NEGATIVE_INFINITY

  const failed = (error: unknown): void => {
    failures++
    onFailure(error)
  }

  const open = async (name: string, receiver: Receiver): Promise<void> => {
    const receive = (payload: string): void => {
      // This process sends its heartbeats on another connection. So its own heartbeat proves that the listening connection
      // receives what another connection sends. Its other payloads may have been sent on the listening connection itself.
      if (payload.startsWith(ours) && !CONTENT.test(payload)) heardAt = provenAt = clock.monotonic()
      if (payload === lastBeat.payload) lagMs = clock.monotonic() - lastBeat.at
      receiver.receive(payload)
    }
    const onListening = (): void => {
      listens++
      provenAt = Number.NEGATIVE_INFINITY
      receiver.reset()
    }
    isOpening = true
    builtAt = clock.monotonic()
    let isLate = false
    try {
      const listening = database.listen(name, receive, onListening, onListenFailure)
      // If a listener opens after the timeout, it is stopped, because a later attempt opens another listener.
      listening.then(late => (isLate ? late.end() : undefined)).catch(() => {})
      listener = await withTimeout(OPEN_TIMEOUT_MS, 'the database', listening)
    } catch (error) {
      isLate = true
      throw error
    } finally {
      isOpening = false
    }
    // If `close` was called during `database.listen`, it could not stop this listener.
    if (isClosed) await listener.end()
  }
  /**
   * Sends payloads on the listening connection. Returns false if it is unknown whether the payloads were sent, or if they were
   * not sent. The caller then sends the payloads on another connection. So processes may receive a payload twice, and may
   * receive it the second time after later payloads.
   */
  const isSentByListener = async (payloads: readonly string[]): Promise<boolean> => {
    if (!listener || clock.monotonic() - provenAt >= PROVEN_MS) return false
    try {
      await withTimeout(SEND_TIMEOUT_MS, 'the listening connection', listener.notify(payloads))
      return true
    } catch {
      provenAt = Number.NEGATIVE_INFINITY
      return false
    }
  }
  const beat = (): void => {
    if (channel === undefined) return
    const payload = JSON.stringify({ from: processId, ...heartbeat() })
    lastBeat = { payload, at: clock.monotonic() }
    database.notify(channel, [payload]).catch(failed)
  }
  /** Replaces the listening connection if it has received no heartbeat for `REBUILD_MS`. */
  const check = (name: string, receiver: Receiver): void => {
    // Only one connection is opened at a time. Otherwise a second attempt would overwrite `listener`, and the first listener
    // would never be stopped.
    if (isOpening || clock.monotonic() - Math.max(heardAt, builtAt) < REBUILD_MS) return
    isOpening = true
    onListenFailure(new Error(NO_HEARTBEAT))
    const notOpened = (error: unknown): void => {
      // The next call of `check` tries again, and does not wait until `REBUILD_MS` have passed since the last attempt.
      builtAt = Number.NEGATIVE_INFINITY
      onListenFailure(error)
    }
    const before = listener
    listener = undefined
    Promise.resolve(before?.end())
      .catch(onListenFailure)
      .then(() => open(name, receiver))
      .catch(notOpened)
  }

  return {
    processId,
    get channel() {
      return channel
    },
    get isOpen() {
      return channel !== undefined
    },
    beat,
    async send(payloads) {
      if (channel === undefined) return
      try {
        if (!(await isSentByListener(payloads))) await database.notify(channel, payloads)
      } catch (error) {
        failures++
        throw error
      }
    },
    stats() {
      const silentMs = clock.monotonic() - heardAt
      const isFailing = silentMs >= REBUILD_MS
      return [
        { driver: 'postgres', lagMs, silentMs, isFailing, reconnects: Math.max(0, listens - 1), failures, dropped: 0 }
      ]
    },
    async announcement(roomId, seq) {
      // Names another sender, because a process ignores payloads with its own id, and this process must handle this payload
      // too.
      const payload = announcementOf(`${processId}/transaction`, roomId, seq)
      return { channel: channel ?? channelOf(await instance()), payload }
    },
    msSinceHeartbeat: () => clock.monotonic() - heardAt,
    async listen(receiver) {
      const name = channelOf(await instance())
      channel = name
      heardAt = clock.monotonic()
      await open(name, receiver)
      // The first heartbeat is sent at once. If this process does not use Redis, its heartbeat makes processes with Redis send
      // over PostgreSQL too.
      beat()
      stopBeating = clock.every(HEARTBEAT_MS, () => {
        beat()
        check(name, receiver)
      })
    },
    drain() {
      isClosed = true
      // The last payloads are sent on another connection, because the listening connection may not respond.
      provenAt = Number.NEGATIVE_INFINITY
      stopBeating()
    },
    close: async () => listener?.end()
  }
}
