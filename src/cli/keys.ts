/** Runs `fastify-chat keys generate`: prints new secrets from the system's random number generator. */
import { randomBytes } from 'node:crypto'
import { generateKey } from '../crypto/fernet.ts'
import { print } from './print.ts'

/** Returns a new secret for access tokens (48 random bytes) and a new Fernet key. */
export const newKeys = () => ({ secretKey: randomBytes(48).toString('base64url'), encryptionKey: generateKey() })

/** Prints a new secret for access tokens and a new encryption key, in the format of `.env`. */
export const generateKeys = (): void => {
  const { secretKey, encryptionKey } = newKeys()
  print(`SECRET_KEY=${secretKey}`, `ENCRYPTION_KEY=${encryptionKey}`)
}
