/**
 * Implements the instruments with prom-client, an optional peer dependency. The metrics of the service have the prefix `chat_`.
 * When the chat closes, these metrics are removed from the registry of a host application.
 */
import type * as prom from 'prom-client'
import {
  COUNTERS,
  HISTOGRAMS,
  type Instruments,
  type MetricAbout,
  READINGS,
  type Reading
} from '../../lib/instruments.ts'
import type { Metrics, MetricsRegistry } from './metrics.ts'

type Labels = Record<string, string>

/** The prefix of the names of all metrics of the service. */
export const PREFIX = 'chat_'
/** Upper bounds in seconds for pauses of the garbage collector. */
const GC_BUCKETS = [0.01, 0.1, 1]

/**
 * Creates the metrics in the registry `given`. Without `given`, creates a registry, and adds the default metrics of Node. Throws
 * if the registry already has metrics of a chat, because the values of two chats would be mixed.
 */
export const createMetrics = (client: typeof prom, given?: MetricsRegistry): Metrics => {
  const registry = (given ?? new client.Registry()) as prom.Registry
  if (registry.getSingleMetric(`${PREFIX}info`)) {
    throw new Error('The registry in `metrics` already has the metrics of a chat. Pass each chat its own registry.')
  }
  // For the default metrics, an interval of 100 ms is enough, because `chat_loop_delay_seconds` is more precise.
  const loop = { eventLoopMonitoringPrecision: 100 }
  if (!given) client.collectDefaultMetrics({ register: registry, gcDurationBuckets: GC_BUCKETS, ...loop })
  const registers = [registry]
  const names = new Set<string>()

  const optionsOf = (name: string, { help, labels = [] }: MetricAbout) => {
    names.add(PREFIX + name)
    return { name: PREFIX + name, help, labelNames: [...labels], registers }
  }
  const counters = mapOf(COUNTERS, (name, about) => new client.Counter(optionsOf(name, about)))
  const histograms = mapOf(
    HISTOGRAMS,
    (name, about) => new client.Histogram({ ...optionsOf(name, about), buckets: [...(about.buckets ?? [])] })
  )

  for (const [name, about] of Object.entries<MetricAbout>(COUNTERS)) {
    const [label = ''] = about.labels ?? []
    for (const value of about.known ?? []) counters[name as keyof typeof COUNTERS].inc({ [label]: value }, 0)
  }

  const read: Instruments['read'] = (name, value) => {
    const about: MetricAbout = READINGS[name]
    const Kind = name.endsWith('_total') ? client.Counter : client.Gauge
    const metric = new Kind<string>({
      ...optionsOf(name, about),
      collect() {
        this.reset()
        // `reset` sets a metric without labels to 0, but a value that is unknown must be absent.
        if (!about.labels) this.remove()
        for (const [labels, current] of valuesOf(about, value())) this.inc(labels, current)
      }
    })
    return void metric
  }

  return {
    contentType: registry.contentType,
    count: (name, by, labels?: Labels) => counters[name].inc(labels ?? NONE, by),
    observe: (name, value, labels?: Labels) => histograms[name].observe(labels ?? NONE, value),
    read,
    collect: () => registry.metrics(),
    close() {
      for (const name of names) registry.removeSingleMetric(name)
      if (!given) registry.clear()
    }
  }
}

const NONE: Labels = {}

const valuesOf = ({ labels }: MetricAbout, value: Reading<'info'> | Reading<'ready'>): [Labels, number][] => {
  if (value === undefined) return []
  if (typeof value === 'number') return [[NONE, value]]
  const [label = ''] = labels ?? []
  return Object.entries(value).flatMap(([key, one]): [Labels, number][] =>
    one === undefined ? [] : [[{ [label]: key }, one]]
  )
}

const mapOf = <Name extends string, T>(
  abouts: Readonly<Record<Name, MetricAbout>>,
  create: (name: string, about: MetricAbout) => T
): Readonly<Record<Name, T>> =>
  Object.fromEntries(
    Object.entries<MetricAbout>(abouts).map(([name, about]) => [name, create(name, about)])
  ) as Readonly<Record<Name, T>>

/** Loads prom-client. Rejects if it is not installed. */
export const loadPrometheus = async (
  load: () => Promise<typeof prom> = () => import('prom-client')
): Promise<typeof prom> => {
  try {
    // prom-client is a CommonJS module, so its exports may be in `default`.
    const loaded = await load()
    return 'default' in loaded ? (loaded.default as typeof prom) : loaded
  } catch (cause) {
    throw new Error('Metrics are configured, but prom-client is not installed. Run `npm install prom-client`.', {
      cause
    })
  }
}
