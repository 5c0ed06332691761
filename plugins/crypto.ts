/** Holds the Fernet keyring that seals messages at rest; decorates `chatCrypto`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createOptionsCheck } from '../src/config/plugin-options.ts'
import { createKeyring, type Keyring } from '../src/crypto/keyring.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatCrypto: Keyring
  }
}

/** Options of the crypto plugin: Fernet keys, the one that seals and those that still open. */
export interface ChatCryptoOptions {
  readonly encryptionKey: string
  readonly encryptionKeyPrevious?: readonly string[]
  readonly clock?: Clock
}

const checkOptions = createOptionsCheck('chat-crypto', {
  settings: ['encryptionKey', 'encryptionKeyPrevious'],
  required: ['encryptionKey']
})

/** Rejects when a key is not a Fernet key. */
export default fp(
  async function chatCrypto(fastify: FastifyInstance, options: ChatCryptoOptions) {
    checkOptions(options)
    const { encryptionKey, encryptionKeyPrevious = [], clock = systemClock } = options
    const keyring = createKeyring({ current: encryptionKey, previous: [...encryptionKeyPrevious], now: clock.now })
    fastify.decorate('chatCrypto', keyring)
  },
  { name: 'chat-crypto', fastify: '5.x' }
)
