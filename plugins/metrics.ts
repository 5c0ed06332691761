/**
 * Creates the instruments with which the other plugins measure. If METRICS_PORT is set, serves the metrics on that port.
 * Decorates the Fastify instance with `chatMetrics`. If neither a setting nor a registry enables metrics, nothing is measured.
 */
import { createServer } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createOptionsReader, type SettingOptions } from '../src/config/plugin-options.ts'
import { metricsSettings } from '../src/config/settings/metrics.ts'
import { type Instruments, noInstruments } from '../src/lib/instruments.ts'
import { version } from '../src/lib/package.ts'
import type { Metrics, MetricsRegistry } from '../src/ops/metrics/metrics.ts'
import { serveMetrics } from '../src/ops/metrics/port.ts'
import { createMetrics, loadPrometheus } from '../src/ops/metrics/prometheus.ts'
import { createTokenCheck } from '../src/ops/metrics/token.ts'
import { ChatError } from '../src/protocol/errors.ts'
import { shutdownOf } from '../src/shutdown.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatMetrics: Instruments & {
      /** Returns the metrics as text, and the content type of the text. Absent if no metrics are configured. */
      readonly collect?: (() => Promise<{ readonly text: string; readonly type: string }>) | undefined
      /** Returns whether the `Authorization` header of a request contains METRICS_TOKEN. Absent if METRICS_TOKEN is not set. */
      readonly isAllowed?: ((request: FastifyRequest) => boolean) | undefined
      /** Whether metrics are configured. */
      readonly isOn: boolean
    }
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Marks a route that logs users in. Each of its responses is counted as a successful or failed login. */
    chatLogin?: boolean
  }
}

/** Options of the metrics plugin. docs/settings.md describes the options that are settings. */
export interface ChatMetricsOptions extends SettingOptions<typeof metricsSettings> {
  /** The registry of a host application, which then serves the metrics itself. */
  readonly metrics?: { readonly registry: MetricsRegistry } | undefined
}

type ChatMetrics = FastifyInstance['chatMetrics']

const off: ChatMetrics = { ...noInstruments, isOn: false }

/** Returns the instruments of an instance. They measure nothing if the metrics plugin was not registered before. */
export const metricsOf = (fastify: FastifyInstance): ChatMetrics =>
  fastify.hasDecorator('chatMetrics') ? fastify.chatMetrics : off

const readOptions = createOptionsReader('chat-metrics', { settings: metricsSettings })

/** Decorates the instance with `chatMetrics`. Rejects if metrics are configured but prom-client is not installed. */
export default fp(
  async function chatMetrics(fastify: FastifyInstance, { metrics: host, ...options }: ChatMetricsOptions) {
    const { metricsToken, metricsPort, metricsHost } = readOptions(options)
    if (host && typeof host.registry?.registerMetric !== 'function')
      throw new TypeError('The option `metrics` must be an object with a `registry` of prom-client.')
    if (!host && metricsToken === undefined && metricsPort === 0) return void fastify.decorate('chatMetrics', off)

    const metrics = createMetrics(await loadPrometheus(), host?.registry)
    metrics.read('info', () => ({ [version]: 1 }))
    const collect = async () => ({ text: await metrics.collect(), type: metrics.contentType })
    const isAllowed = metricsToken === undefined ? undefined : createTokenCheck(metricsToken)
    fastify.decorate('chatMetrics', {
      ...metrics,
      isOn: true,
      collect,
      isAllowed: isAllowed && (({ headers }) => isAllowed(headers.authorization))
    })
    measureRequests(fastify, metrics)
    measureLogins(fastify, metrics)
    shutdownOf(fastify).add('stop monitoring', () => metrics.close())
    if (metricsPort === 0) return
    const port = serveMetrics({ server: createServer(), collect, host: metricsHost, port: metricsPort })
    fastify.addHook('onReady', () => port.open())
    shutdownOf(fastify).add('stop monitoring', () => port.close())
  },
  { name: 'chat-metrics', fastify: '5.x' }
)

/**
 * Returns the outcome of a failed login: the code of a ChatError, `rate_limited` for any other error with the status 429, or
 * else `failed`. A host's own `@fastify/rate-limit` throws an error that is not a ChatError.
 */
const loginOutcome = (error: unknown): string => {
  if (error instanceof ChatError) return error.code
  return typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === 429
    ? 'rate_limited'
    : 'failed'
}

const measureLogins = (fastify: FastifyInstance, metrics: Metrics): void => {
  fastify.addHook('onError', (request, _reply, error, done) => {
    if (request.routeOptions.config.chatLogin) metrics.count('logins_total', 1, { outcome: loginOutcome(error) })
    done()
  })
  fastify.addHook('onResponse', (request, reply, done) => {
    if (request.routeOptions.config.chatLogin && reply.statusCode < 300)
      metrics.count('logins_total', 1, { outcome: 'ok' })
    done()
  })
}

const measureRequests = (fastify: FastifyInstance, metrics: Metrics): void =>
  void fastify.addHook('onResponse', (request, reply, done) => {
    const status = `${Math.floor(reply.statusCode / 100)}xx`
    // Uses the pattern of the route, because a path can contain the name of a room or of a user.
    const route = request.routeOptions.url ?? 'none'
    const seconds = reply.elapsedTime / 1000
    metrics.count('http_requests_total', 1, { route, status })
    metrics.count('http_request_seconds_total', seconds, { route })
    metrics.observe('http_request_duration_seconds', seconds, { status })
    done()
  })
