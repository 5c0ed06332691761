/** Runs `fastify-chat keys status` and `keys rotate`: shows and changes which keys encrypt the stored tokens. */
import type { Keyring } from '../crypto/keyring.ts'
import { countTokensByKey, type KeyUse } from '../db/encrypted-columns.ts'
import { type ReencryptedBatch, reencrypt } from '../db/reencrypt.ts'
import type { ProcessRow } from '../db/repositories/processes.ts'
import { print } from './print.ts'
import { withDatabase } from './with-database.ts'

/** Runs `keys status`. */
export const showKeys = (): Promise<void> =>
  withDatabase(async ({ database, keyring }) => {
    const uses = await countTokensByKey(database.client, database.schema)
    print(...keyStatus(uses, keyring, await database.processes.live()))
  })

/**
 * Runs `keys rotate`. Rejects if a running process lacks the current key, because the process could not read the re-encrypted
 * tokens.
 */
export const rotateKeys = (): Promise<void> =>
  withDatabase(async ({ database, keyring }) => {
    const { client, schema, processes } = database
    refuseOldProcesses(await processes.live(), keyring.currentKeyId)
    const report = createProgress()
    await reencrypt({ client, schema, keyring, onBatch: report })
    print('', ...keyStatus(await countTokensByKey(client, schema), keyring, await processes.live()))
  })

const refuseOldProcesses = (processes: readonly ProcessRow[], currentKeyId: string): void => {
  const unable = processes.filter(({ keyIds }) => !keyIds.includes(currentKeyId)).length
  if (unable === 0) return
  throw new Error(
    `${numbered(unable, 'running process has', 'running processes have')} no key ${currentKeyId} (the ENCRYPTION_KEY of ` +
      'this command). Without this key, a process cannot read the re-encrypted data. Add the key to ENCRYPTION_KEY_PREVIOUS ' +
      'of every process, restart the processes, and try again.'
  )
}

/** Number of rows after which progress is printed again. */
const PROGRESS_ROWS = 10_000

/** Returns a function that prints how many rows of a table were encrypted again. */
const createProgress = () => {
  let table = ''
  let rows = 0
  let printed = 0
  return (batch: ReencryptedBatch): void => {
    if (batch.table !== table) {
      table = batch.table
      rows = 0
      printed = 0
    }
    rows += batch.rows
    if (batch.rows === 0 || (printed > 0 && rows - printed < PROGRESS_ROWS)) return
    printed = rows
    print(`${table}: ${numbered(rows, 'row')} encrypted again`)
  }
}

/** Describes which keys encrypt the stored tokens, and which can be removed from the settings. */
export const keyStatus = (
  uses: readonly KeyUse[],
  { keyIds, currentKeyId }: Pick<Keyring, 'keyIds' | 'currentKeyId'>,
  processes: readonly Pick<ProcessRow, 'keyId'>[]
): string[] => {
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

  return [
    rowOf('COLUMN', 'KEY', 'TOKENS'),
    ...uses.map(({ table, column, keyId, tokens }) => rowOf(`${table}.${column}`, keyId ?? '(none)', String(tokens))),
    '',
    ...new Set([...keyIds, ...others].map(verdict))
  ]
}

const rowOf = (column: string, key: string, tokens: string): string =>
  `${column.padEnd(20)}  ${key.padEnd(16)}  ${tokens.padStart(10)}`

const numbered = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
