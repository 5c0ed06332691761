/** Handles signals and faults of the process: the first one starts the shutdown (src/shutdown.ts), a second one exits at once. */
import type { FastifyInstance } from 'fastify'
import { systemClock } from './lib/clock.ts'
import { EXIT_MS } from './shutdown.ts'

/** Merges signals within this time, in milliseconds: npm and watchers forward a signal that the whole group has received already. */
const SAME_SIGNAL_MS = 1000

/**
 * Exits on a signal until there is a server to stop. A process does so by default, but not the first process of a container: the
 * kernel drops signals without a handler there, and it could not be stopped while it waits for the database.
 */
export const exitOnSignals = (): { over(): void } => {
  const exit = (): never => process.exit(0)
  process.on('SIGTERM', exit).on('SIGINT', exit)
  return {
    over() {
      process.off('SIGTERM', exit).off('SIGINT', exit)
    }
  }
}

/** Shuts down on a signal (status 0) or a fault (status 1). `now` shuts down and leaves the process running. */
export const stopOnSignals = (fastify: FastifyInstance): { now(): Promise<void> } => {
  let startedAt: number | undefined
  const stop = async (status: number): Promise<void> => {
    setTimeout(() => process.exit(status), EXIT_MS).unref()
    await fastify.close()
    process.exit(status)
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    if (startedAt === undefined) {
      startedAt = systemClock.monotonic()
      fastify.log.info({ signal }, 'stopping')
      void stop(0)
    } else if (systemClock.monotonic() - startedAt > SAME_SIGNAL_MS) process.exit(1)
  }
  const onFault = (err: unknown): void => {
    fastify.log.fatal({ err }, 'stopping after a fault')
    startedAt ??= systemClock.monotonic()
    void stop(1)
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  process.on('uncaughtException', onFault).on('unhandledRejection', onFault)
  return {
    async now() {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
      process.off('uncaughtException', onFault).off('unhandledRejection', onFault)
      await fastify.close()
    }
  }
}
