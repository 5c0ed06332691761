/**
 * Handles signals and uncaught errors. The first signal or error starts the shutdown (src/shutdown.ts). A later signal exits
 * the process immediately, unless it arrives within `SAME_SIGNAL_MS`.
 */
import type { FastifyInstance } from 'fastify'
import { systemClock } from './lib/clock.ts'
import { EXIT_MS } from './shutdown.ts'

/**
 * For this time in milliseconds after the first signal, further signals are ignored. For example, Ctrl+C signals the whole
 * process group, and npm or a file watcher then forwards the same signal again.
 */
const SAME_SIGNAL_MS = 1000

/**
 * Exits the process on a signal, until `over` is called. Most processes exit on a signal by default, but the first process in a
 * container does not. The kernel ignores signals for which that process has no handler. Without this function, the process
 * could not be stopped while it waits for the database.
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

/**
 * Shuts down and exits on a signal (status 0) or an uncaught error (status 1). The returned `now` removes the signal and error
 * handlers and shuts down without exiting.
 */
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
    fastify.log.fatal({ err }, 'stopping after an uncaught error')
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
