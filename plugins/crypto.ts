/**
 * Creates the Fernet keyring that encrypts messages at rest. If the db plugin was registered before, checks that the keys
 * decrypt at least one of the newest texts in the database. Decorates the Fastify instance with `chatCrypto`.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createOptionsReader, type SettingOptions } from '../src/config/plugin-options.ts'
import { cryptoSettings } from '../src/config/settings/auth.ts'
import { createKeyring, type Keyring } from '../src/crypto/keyring.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { checkKeys } from '../src/ops/key-check.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatCrypto: Keyring
  }
}

/** Options of the crypto plugin. docs/settings.md describes the options that are settings. */
export interface ChatCryptoOptions extends SettingOptions<typeof cryptoSettings, 'encryptionKey'> {
  readonly clock?: Clock
}

const readOptions = createOptionsReader('chat-crypto', { settings: cryptoSettings })

/**
 * Decorates the instance with the keyring. Rejects if a key is not a Fernet key, or if the keys decrypt none of the newest texts.
 */
export default fp(
  async function chatCrypto(fastify: FastifyInstance, options: ChatCryptoOptions) {
    const { encryptionKey, encryptionKeyPrevious } = readOptions(options)
    const { clock = systemClock } = options
    const keyring = createKeyring({ current: encryptionKey, previous: [...encryptionKeyPrevious], now: clock.now })
    fastify.decorate('chatCrypto', keyring)
    if (!fastify.hasDecorator('chatDbAtStart')) return
    await fastify.chatDbAtStart(({ keys }) => checkKeys({ keys, keyring, log: fastify.log }))
  },
  { name: 'chat-crypto', fastify: '5.x' }
)
