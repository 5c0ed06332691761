/** What signals and faults do to the process: the first one starts the shutdown (src/shutdown.ts), a second one ends it at once. */
import type { FastifyInstance } from 'fastify'
import { systemClock } from './lib/clock.ts'
import { EXIT_MS } from './shutdown.ts'

/** npm and watchers repeat a signal that the whole process group has received: within this time, two are one. */
const SAME_SIGNAL_MS = 1000

/**
 * Ends the process on a signal until there is a server to stop. The kernel would, except for the first process of a container:
 * it drops every signal that has no handler there, for as long as the service waits for its database.
 */
export const exitOnSignals = (): { over(): void } => {
  const leave = (): never => process.exit(0)
  process.on('SIGTERM', leave).on('SIGINT', leave)
  return {
    over() {
      process.off('SIGTERM', leave).off('SIGINT', leave)
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
