/** Reports the health of the service and the load of the process. Decorates the Fastify instance with `chatOps`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createOptionsReader, type SettingOptions } from '../src/config/plugin-options.ts'
import { opsSettings } from '../src/config/settings/ops.ts'
import { keyAge } from '../src/db/key-age.ts'
import type { OutboxRepository } from '../src/db/repositories/outbox.ts'
import { waitOnce } from '../src/http/first-request.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import type { Log } from '../src/lib/logging.ts'
import { version } from '../src/lib/package.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { createHealth, type HealthMonitor } from '../src/ops/health.ts'
import { createLoadMeter, type Load, type LoadMeter } from '../src/ops/load.ts'
import { createSampler, type Sampler } from '../src/ops/metrics/sampler.ts'
import type { Health, Liveness } from '../src/protocol/http/service.ts'
import { shutdownOf } from '../src/shutdown.ts'
import { metricsOf } from './metrics.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatOps: {
      /** Returns the results of the latest checks, which run once a second and not per request. */
      health(): Health
      /** Returns `healthy` whenever the process can respond. Checks nothing else. */
      live(): Liveness
      /**
       * Returns whether to route requests to this process. The first check sets the status. Then the status becomes `unhealthy`
       * after 3 consecutive failed checks, and `healthy` after 2 consecutive successful checks. From the beginning of a
       * shutdown, it is `unhealthy`.
       */
      ready(): Health
      load(): Load
    }
  }
}

/** Options of the ops plugin. docs/settings.md describes the options that are settings. */
export interface ChatOpsOptions extends SettingOptions<typeof opsSettings> {
  readonly clock?: Clock
}

const DATABASE_TIMEOUT_MS = 2000

const readOptions = createOptionsReader('chat-ops', { settings: opsSettings })

export default fp(
  async function chatOps(fastify: FastifyInstance, options: ChatOpsOptions) {
    const { maxLoopDelayMs } = readOptions(options)
    const { clock = systemClock } = options
    const { chatDb, chatCore } = fastify
    const log = withoutRepeats(fastify.server, fastify.log, clock)
    const monitor = createHealth({
      clock,
      pingDatabase: () => chatDb.ping(DATABASE_TIMEOUT_MS),
      msSinceHeartbeat: () => chatCore.msSinceHeartbeat(),
      onFailure: (checks, err) => log.warn(err === undefined ? { checks } : { checks, err }, 'a health check failed')
    })
    const meter = createLoadMeter({ clock, maxLoopDelayMs, waitingQueries: () => chatDb.client.waiting?.() ?? 0 })
    // The checks are not started in `onReady`. If the application failed to start after `onReady`, the connection of the checks
    // would keep the process running.
    let started: Promise<void> | undefined
    const startOnce = (): Promise<void> => {
      started ??= monitor.start()
      return started
    }
    fastify.addHook('onListen', startOnce)
    fastify.addHook('onRequest', waitOnce(startOnce))
    measure(fastify, monitor, meter)
    const samples = sampleDatabase(fastify, clock, log)
    if (metricsOf(fastify).isOn) fastify.addHook('onListen', async () => samples.start())
    const shutdown = shutdownOf(fastify)
    shutdown.add('stop monitoring', () => {
      samples.stop()
      monitor.stop()
      meter.stop()
    })

    const report = (isWell: boolean, checks: Record<string, string>): Health => ({
      status: isWell ? 'healthy' : 'unhealthy',
      version,
      checks
    })
    fastify.decorate('chatOps', {
      health: () => report(isAllOk(monitor.latest), { ...monitor.latest }),
      live: () => ({ status: 'healthy', version }),
      ready() {
        const serving = shutdown.hasBegun ? 'stopping' : monitor.isReady ? 'ok' : 'not_ready'
        return report(serving === 'ok', { ...monitor.latest, serving })
      },
      load: () => meter.level()
    })
  },
  { name: 'chat-ops', fastify: '5.x', dependencies: ['chat-db', 'chat-core'] }
)

/** Registers the metrics of the process, which are read when the metrics are collected. */
const measure = (fastify: FastifyInstance, monitor: HealthMonitor, meter: LoadMeter) => {
  const { chatDb, chatCrypto } = fastify
  const { client } = chatDb
  const metrics = metricsOf(fastify)
  metrics.read('ready', () => Number(monitor.isReady && !shutdownOf(fastify).hasBegun))
  metrics.read('check_failing', () => ({
    database_unavailable: Number(monitor.latest.database === 'unavailable'),
    database_read_only: Number(monitor.latest.database === 'read_only'),
    listening: Number(monitor.latest.listening !== 'ok')
  }))
  metrics.read('loop_delay_seconds', () => meter.loopDelayMs / 1000)
  metrics.read('pool_connections', () => client.maxConnections ?? 1)
  metrics.read('pool_in_use', () => client.inUse?.())
  metrics.read('pool_waiting', () => client.waiting?.())
  metrics.read('undecryptable_total', () => chatCrypto.failures)
}

/** Registers the metrics that a timer reads from the database. */
const sampleDatabase = (fastify: FastifyInstance, clock: Clock, log: Log): Sampler<Samples> => {
  const { chatDb, chatCrypto } = fastify
  const metrics = metricsOf(fastify)
  const sampler = createSampler({
    clock,
    sample: async (): Promise<Samples> => ({
      outbox: await chatDb.outbox.depth(),
      keyAgeSeconds: await keyAge(chatDb, chatCrypto.currentKeyId)
    }),
    onFailure: err => log.warn({ err }, 'failed to read metrics from the database; retrying')
  })
  metrics.read('encryption_key_age_seconds', () => sampler.latest?.keyAgeSeconds)
  metrics.read('outbox_mails', () => sampler.latest?.outbox.mails)
  metrics.read('outbox_oldest_seconds', () => sampler.latest?.outbox.oldestSeconds)
  return sampler
}

interface Samples {
  readonly keyAgeSeconds: number | undefined
  readonly outbox: Awaited<ReturnType<OutboxRepository['depth']>>
}

const isAllOk = (checks: object): boolean => Object.values(checks).every(check => check === 'ok')
