/** Measures appends, deliveries and connections. Without instruments, nothing is measured. */
import { noInstruments } from '../lib/instruments.ts'
import { CLOSE } from '../protocol/close-codes.ts'
import type { Connection } from './connections/connection.ts'
import type { ConnectionRegistry } from './connections/registry.ts'
import type { AppendQueue, AppendQueueOptions } from './log/append-queue.ts'
import type { ChatOptions } from './options.ts'
import type { RoomOptions } from './rooms/room.ts'

/** Returns the options with which the append queue appends to the database and measures the appends. */
export const measuredAppend = ({
  storage,
  clock,
  log,
  instruments = noInstruments
}: ChatOptions): Pick<AppendQueueOptions, 'append' | 'faultOf' | 'onFailure' | 'onCommitted' | 'now'> => ({
  async append(batch) {
    const results = await storage.messages.append(batch)
    instruments.observe('append_batch_entries', batch.length)
    for (const [kind, entries] of countKinds(batch, results)) instruments.count('entries_total', entries, { kind })
    return results
  },
  faultOf: storage.faultOf,
  onFailure(err, entries) {
    instruments.count('append_failures_total', 1, { fault: storage.faultOf(err) })
    log.error({ err, entries }, 'an append failed')
  },
  now: clock.monotonic,
  onCommitted: waitedMs => instruments.observe('ack_seconds', waitedMs / 1000)
})

type Append = AppendQueueOptions['append']

/** Counts the stored entries by kind. A host application may have any number of kinds, so its kinds are counted as one. */
const countKinds = (batch: Parameters<Append>[0], results: Awaited<ReturnType<Append>>): Map<string, number> => {
  const counts = new Map<string, number>()
  results.forEach((result, at) => {
    const { kind = 'message' } = batch[at] ?? {}
    const label = kind.includes('.') ? 'host' : kind
    if (!('refused' in result) && result.outcome === 'stored') counts.set(label, (counts.get(label) ?? 0) + 1)
  })
  return counts
}

/** Returns a function that measures each delivery of a room, or undefined if nothing is measured. */
export const measuredDelivery = ({ clock, instruments }: ChatOptions): RoomOptions['onDelivered'] =>
  instruments &&
  (entries => {
    instruments.observe('fan_out_entries', entries.length)
    // The database sets `createdAt`, so the lag can be measured for the entries of all processes. The clock of the database and
    // the clock of this process may differ slightly.
    const lagMs = clock.now() - (entries[0]?.createdAt ?? 0)
    instruments.observe('delivery_lag_seconds', Math.max(0, lagMs) / 1000)
  })

/**
 * The close codes of the service, and the usual close codes of clients and of `ws`. Clients may send any other code, which is
 * counted as `other`.
 */
const CODES: ReadonlySet<number> = new Set([1000, 1001, 1005, 1006, ...Object.values(CLOSE).map(({ code }) => code)])

/** Returns the label of a close code. */
export const closeLabel = (code: number): string => (CODES.has(code) ? String(code) : 'other')

/** Registers the metrics of the connections and of the append queue. */
export const measureConnections = (
  { instruments = noInstruments }: ChatOptions,
  { registry, appendQueue }: { readonly registry: ConnectionRegistry; readonly appendQueue: AppendQueue }
): void => {
  const sum = (measure: (connection: Connection) => number): number => {
    let total = 0
    for (const connection of registry.all()) total += measure(connection)
    return total
  }
  instruments.read('connections', () => registry.size)
  instruments.read('subscriptions', () => sum(({ subscriptions }) => subscriptions.size))
  instruments.read('queued_bytes', () => sum(({ outgoing }) => outgoing.queued))
  instruments.read('append_queue_entries', () => appendQueue.waiting)
}
