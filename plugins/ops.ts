/** Answers whether the service is well, for people and for load balancers; decorates `chatOps`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { version } from '../src/package.ts'
import type { Health, Liveness } from '../src/schemas/service.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatOps: {
      /** The database's answer within two seconds, and whether the service still takes work. */
      health(): Promise<Health>
      /** Whether the process runs: nothing else is asked. */
      live(): Liveness
      /** Like `health`, and unhealthy from the moment a stop began. */
      ready(): Promise<Health>
    }
  }
}

const DATABASE_TIMEOUT_MS = 2000

export default fp(
  async function chatOps(fastify: FastifyInstance) {
    const database = async (): Promise<'ok' | 'unavailable'> => {
      try {
        await fastify.chatDb.ping(DATABASE_TIMEOUT_MS)
        return 'ok'
      } catch (err) {
        fastify.log.warn({ err }, 'the database did not answer a health check')
        return 'unavailable'
      }
    }
    const verdict = (checks: Record<string, string>): Health => {
      const isWell = Object.values(checks).every(check => check === 'ok')
      return { status: isWell ? 'healthy' : 'unhealthy', version, checks }
    }
    fastify.decorate('chatOps', {
      health: async () => verdict({ database: await database() }),
      live: () => ({ status: 'healthy', version }),
      ready: async () =>
        verdict({ database: await database(), serving: fastify.chatCore.isDraining ? 'stopping' : 'ok' })
    })
  },
  { name: 'chat-ops', fastify: '5.x', dependencies: ['chat-db', 'chat-core'] }
)
