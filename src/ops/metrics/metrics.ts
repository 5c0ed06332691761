/** Declares the metrics without the types of prom-client, because prom-client is an optional dependency. */
import type { Instruments } from '../../lib/instruments.ts'

/** The methods of prom-client's registry that the service uses. A host application passes its own registry. */
export interface MetricsRegistry {
  registerMetric(metric: never): void
  getSingleMetric(name: string): unknown
  removeSingleMetric(name: string): void
}

export interface Metrics extends Instruments {
  readonly contentType: string
  /** Returns all metrics in the text format of Prometheus. */
  collect(): Promise<string>
  /** Removes the metrics from the registry. */
  close(): void
}
