/** Describes which keys encrypt the stored Fernet tokens, and which keys can be removed from the settings. */
import type { Keyring } from '../crypto/keyring.ts'
import type { KeyRow } from '../db/repositories/keys.ts'
import type { ProcessRow } from '../db/repositories/processes.ts'
import type { KeyUse } from '../db/table-pages.ts'
import { timestamp } from '../lib/clock.ts'

export interface KeyStatusOptions {
  readonly uses: readonly KeyUse[]
  readonly keyring: Pick<Keyring, 'keyIds' | 'currentKeyId'>
  /** The running processes. */
  readonly processes: readonly Pick<ProcessRow, 'keyId'>[]
  /** All keys that were ever used. */
  readonly known?: readonly KeyRow[]
}

export const keyStatus = ({ uses, keyring, processes, known = [] }: KeyStatusOptions): string[] => {
  const { keyIds, currentKeyId } = keyring
  const others = uses.map(({ keyId }) => keyId).filter(id => id === null || !keyIds.includes(id))
  const tokensOf = (id: string | null): number =>
    uses.filter(({ keyId }) => keyId === id).reduce((sum, { tokens }) => sum + tokens, 0)

  const verdict = (id: string | null): string => {
    const tokens = numbered(tokensOf(id), 'token')
    if (id === currentKeyId) return `Key ${id} is the current one, ENCRYPTION_KEY: ${tokens}.`
    if (id === null) return `${tokens} without a key id. Keep every key, and run "fastify-chat keys rotate".`
    if (!keyIds.includes(id))
      return `Key ${id} is not in the settings: ${tokens} cannot be read. Add the key to ENCRYPTION_KEY_PREVIOUS.`
    const users = processes.filter(({ keyId }) => keyId === id).length
    if (users > 0)
      return `Key ${id} must stay: ${numbered(users, 'running process encrypts', 'running processes encrypt')} with it.`
    return tokensOf(id) > 0
      ? `Key ${id} must stay in ENCRYPTION_KEY_PREVIOUS: ${tokens}. To replace them, run "fastify-chat keys rotate".`
      : `Key ${id} can be removed from ENCRYPTION_KEY_PREVIOUS: no token needs it. Keep the key for older backups.`
  }
  const shown = new Set([...keyIds, ...others])
  const former = known.filter(({ keyId }) => !shown.has(keyId))

  return [
    rowOf('COLUMN', 'KEY', 'TOKENS'),
    ...uses.map(({ table, column, keyId, tokens }) => rowOf(`${table}.${column}`, keyId ?? '(none)', String(tokens))),
    '',
    ...[...shown].map(verdict),
    ...former.map(formerKey)
  ]
}

const formerKey = ({ keyId, firstUsedAt, goneAt }: KeyRow): string => {
  const since = `Key ${keyId} was first used ${timestamp(firstUsedAt)}`
  return goneAt === null
    ? `${since}. No token needs it anymore.`
    : `${since}. No token has needed it since ${timestamp(goneAt)}. Older backups may still need it.`
}

const rowOf = (column: string, key: string, tokens: string): string =>
  `${column.padEnd(20)}  ${key.padEnd(16)}  ${tokens.padStart(10)}`

export const numbered = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
