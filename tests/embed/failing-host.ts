/**
 * Runs a host application whose start fails. The first argument selects the failure. The host reports the error, and then does
 * nothing more. boot.pg.e2e.test.ts starts this program.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import crypto from '../../plugins/crypto.ts'
import db from '../../plugins/db.ts'
import { chatService } from '../../src/index.ts'

const [, , failure = '', databaseUrl = '', databaseSchema = '', port = '0'] = process.argv
const keys = {
  secretKey: 'test-secret-0123456789-abcdefghijklmnop',
  encryptionKey: 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4='
}
const settings = { ...keys, databaseUrl, databaseSchema }
const fail = async (): Promise<never> => {
  throw new Error('the host failed')
}

const failures: Record<string, (app: FastifyInstance) => Promise<unknown>> = {
  async key(app) {
    await app.register(db, { databaseUrl, databaseSchema })
    await app.register(crypto, { encryptionKey: 'no key' })
  },
  migration: async app => app.register(chatService, settings),
  async plugin(app) {
    await app.register(chatService, settings)
    await app.register(fail)
  },
  async hook(app) {
    app.addHook('onReady', fail)
    await app.register(chatService, settings)
  },
  async laterHook(app) {
    await app.register(chatService, settings)
    await app.register(async child => void child.addHook('onReady', fail))
  },
  port: async app => app.register(chatService, settings)
}

const app = Fastify({ pluginTimeout: 0 })
try {
  await failures[failure]?.(app)
  await app.listen({ host: '127.0.0.1', port: Number(port) })
  process.stdout.write('started')
} catch (error) {
  process.stdout.write(`failed: ${error instanceof Error ? error.message : error}`)
}
