/**
 * Compares the keys of a process with the keys of the stored data when the process starts, so that a wrong ENCRYPTION_KEY is
 * found before anything is encrypted with it.
 */
import type { Keyring } from '../crypto/keyring.ts'
import type { KeysRepository } from '../db/repositories/keys.ts'
import type { Log } from '../lib/logging.ts'

export interface KeyCheckOptions {
  readonly keys: KeysRepository
  readonly keyring: Keyring
  readonly log: Pick<Log, 'warn'>
}

/**
 * Throws if no key decrypts any of the newest texts. Logs a warning if keys of older texts are missing. Records the current key
 * as used.
 */
export const checkKeys = async ({ keys, keyring, log }: KeyCheckOptions): Promise<void> => {
  const newest = await keys.newestTokens()
  const isReadable = newest.some(({ token, keyId }) => keyring.decrypt(token, keyId ?? undefined) !== undefined)
  if (newest.length > 0 && !isReadable) throw new Error(wrongKey(newest.flatMap(({ keyId }) => keyId ?? [])))
  await keys.use([keyring.currentKeyId])
  const missing = (await keys.list()).filter(({ keyId, goneAt }) => goneAt === null && !keyring.keyIds.includes(keyId))
  if (missing.length === 0) return
  log.warn(
    { key_ids: missing.map(({ keyId }) => keyId) },
    'encryption keys that were used before are not in the settings, so texts may be unreadable; add the keys to ' +
      'ENCRYPTION_KEY_PREVIOUS (encryptionKeyPrevious), or run "fastify-chat keys status" to see whether texts need them'
  )
}

const wrongKey = (keyIds: readonly string[]): string =>
  'The ENCRYPTION_KEY (encryptionKey) is not the key of this database: it decrypts none of the newest texts. They are encrypted ' +
  `with ${[...new Set(keyIds)].join(', ') || 'an unknown key'}. Set the right key, or add it to ENCRYPTION_KEY_PREVIOUS ` +
  '(encryptionKeyPrevious). If the key is lost, the texts cannot be recovered: use another database.'
