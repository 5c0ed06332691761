/** Runs `fastify-chat serve`: the service in production. */
import { readEnvironment } from '../config/environment.ts'
import { startServer } from '../server.ts'

/**
 * Starts the service, which runs until a signal ends it. Rejects if the service cannot start, for example because a setting is
 * invalid.
 */
export const serve = async (): Promise<void> => {
  await startServer({ ...readEnvironment({ mode: 'production' }), pretty: process.stdout.isTTY })
}
