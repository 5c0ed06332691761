/**
 * Declares what the service measures, and the interface through which its parts report measurements. The parts do not depend on a
 * metrics library: src/ops/metrics implements the interface. Without metrics, the implementation does nothing. No label contains
 * a user, a room or an address, and each label has few values, so that the number of time series is limited.
 */

/** The meaning of a metric, and the names of its labels. */
export interface MetricAbout {
  readonly help: string
  readonly labels?: readonly string[]
  /**
   * Label values whose counters are reported as 0 before the first event. Otherwise Prometheus would not see the first event as
   * an increase. Only for a metric with exactly one label.
   */
  readonly known?: readonly string[]
  /** The upper bounds of the buckets of a histogram. */
  readonly buckets?: readonly number[]
}

/** Upper bounds in seconds for waits that a person notices. */
const WAITS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]
const SIZES = [1, 2, 5, 10, 20, 50, 100, 200]

/** Events, which are counted when they occur. */
export const COUNTERS = {
  http_requests_total: {
    help: 'HTTP requests that ended, by route pattern and status class.',
    labels: ['route', 'status']
  },
  http_request_seconds_total: { help: 'Seconds spent on HTTP requests, by route pattern.', labels: ['route'] },
  entries_total: { help: 'Entries that this process appended to logs, by kind.', labels: ['kind'] },
  append_failures_total: {
    help: 'Attempts to append a batch that failed, by what the failure requires.',
    labels: ['fault'],
    known: ['retry', 'locked', 'replace-connection', 'refuse', 'divide', 'report']
  },
  resumes_total: {
    help: 'Subscriptions that asked for missed entries, by outcome: resumed, or the reason of the resync.',
    labels: ['outcome'],
    known: ['resumed', 'too_far', 'expired', 'epoch', 'ahead']
  },
  closes_total: { help: 'Closed WebSockets, by the close code that the server sent or received.', labels: ['code'] },
  rejections_total: {
    help: 'Requests, frames and connections that a limit rejected, by error code.',
    labels: ['limit'],
    known: [
      'rate_limited',
      'busy',
      'flooding',
      'message_too_long',
      'payload_too_large',
      'too_many_rooms',
      'too_many_connections',
      'max_connections',
      'connect_rate'
    ]
  },
  logins_total: { help: 'Logins, by outcome.', labels: ['outcome'] }
} as const satisfies Record<string, MetricAbout>

/** Distributions, observed at most once per HTTP request, per batch of the append queue, or per delivery of a room. */
export const HISTOGRAMS = {
  http_request_duration_seconds: {
    help: 'Duration of HTTP requests, by status class.',
    labels: ['status'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5]
  },
  ack_seconds: {
    help: 'Time from the acceptance of a frame to its commit. One observation per batch: the entry that waited longest.',
    buckets: WAITS
  },
  delivery_lag_seconds: {
    help: 'Time from the commit of an entry to its write to the sockets of this process. One observation per delivery.',
    buckets: WAITS
  },
  fan_out_entries: { help: 'Entries per delivery of a room, which is one write per socket.', buckets: SIZES },
  append_batch_entries: { help: 'Entries per append.', buckets: SIZES }
} as const satisfies Record<string, MetricAbout>

/** Current values, which are read when the metrics are collected. The value of a metric `*_total` only increases. */
export const READINGS = {
  info: { help: '1, with the version of this process.', labels: ['version'] },
  ready: { help: 'Whether this process accepts requests: 1 or 0.' },
  check_failing: { help: 'Whether a health check fails: 1 or 0.', labels: ['check'] },
  connections: { help: 'Open WebSockets.' },
  max_connections: { help: 'The setting MAX_CONNECTIONS. 0 for no limit.' },
  subscriptions: { help: 'Subscriptions of open WebSockets to rooms.' },
  queued_bytes: { help: 'Bytes that wait to be sent on WebSockets.' },
  append_queue_entries: { help: 'Entries that wait to be committed.' },
  pool_connections: { help: 'Maximum number of connections to the database.' },
  pool_in_use: { help: 'Connections to the database that are in use.' },
  pool_waiting: { help: 'Queries that wait for a connection to the database.' },
  loop_delay_seconds: { help: 'Delay of the event loop: p99 of the last full 10 s.' },
  bus_lag_seconds: { help: 'Time that the latest heartbeat of this process took over the bus.', labels: ['driver'] },
  bus_silent_seconds: { help: 'Time since this process received its own heartbeat over the bus.', labels: ['driver'] },
  bus_failing: { help: 'Whether the bus fails for this process: 1 or 0.', labels: ['driver'] },
  bus_reconnects_total: { help: 'How often this process connected to the bus again.', labels: ['driver'] },
  bus_failures_total: { help: 'Notifications that could not be sent.', labels: ['driver'] },
  bus_dropped_total: { help: 'Received notifications that were not valid and were dropped.', labels: ['driver'] },
  undecryptable_total: { help: 'Stored texts that no key could decrypt when they were read.' },
  encryption_key_age_seconds: { help: 'Time since the current ENCRYPTION_KEY was first used. Absent if unknown.' },
  expired_entries_total: { help: 'Expired entries that this process deleted.' },
  outbox_mails: { help: 'Mails that wait to be sent, in the whole service.' },
  outbox_oldest_seconds: { help: 'Age of the oldest mail that waits to be sent.' }
} as const satisfies Record<string, MetricAbout>

export type CounterName = keyof typeof COUNTERS
export type HistogramName = keyof typeof HISTOGRAMS
export type ReadingName = keyof typeof READINGS

type LabelsOf<About> = About extends { readonly labels: readonly (infer Name extends string)[] }
  ? [labels: Readonly<Record<Name, string>>]
  : []

/** The value of a reading: a number, or a number for each value of its label. A missing value is not reported. */
export type Reading<Name extends ReadingName> = (typeof READINGS)[Name] extends { readonly labels: readonly string[] }
  ? Readonly<Record<string, number | undefined>>
  : number | undefined

/** Receives the measurements of one process. The methods are cheap and never throw. */
export interface Instruments {
  /** Adds `by` to a counter. */
  count<Name extends CounterName>(name: Name, by: number, ...labels: LabelsOf<(typeof COUNTERS)[Name]>): void
  /** Adds a value to a histogram. */
  observe<Name extends HistogramName>(name: Name, value: number, ...labels: LabelsOf<(typeof HISTOGRAMS)[Name]>): void
  /** Calls `read` each time the metrics are collected. `read` must return a value that is already in memory. */
  read<Name extends ReadingName>(name: Name, read: () => Reading<Name>): void
}

/** Does nothing. Used if no metrics are configured. */
export const noInstruments: Instruments = { count() {}, observe() {}, read() {} }
