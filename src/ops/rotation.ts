/**
 * Encrypts all stored data with the current key while processes of the service run. Begins only if every process can decrypt with
 * the current key, and ends only when every process encrypts with it.
 */
import type { Keyring } from '../crypto/keyring.ts'
import type { ChatDatabase } from '../db/database.ts'
import type { PassTotal, ReencryptedPage } from '../db/reencrypt.ts'
import type { ProcessRow } from '../db/repositories/processes.ts'
import type { KeyUse } from '../db/table-pages.ts'

/**
 * The operations on the tables. The caller of `rotate` implements them. A token is a Fernet token: the ciphertext of a stored
 * text.
 */
export interface RotationWork {
  /** Counts the tokens of each key. */
  count(): Promise<KeyUse[]>
  /** Encrypts the tokens of other keys again with the current key. Calls `onPage` after each page. */
  pass(onPage: (page: ReencryptedPage) => void): Promise<PassTotal>
}

export interface RotationOptions extends RotationWork {
  readonly database: Pick<ChatDatabase, 'processes' | 'keys'>
  readonly keyring: Pick<Keyring, 'currentKeyId'>
  readonly onPage: (page: ReencryptedPage) => void
  /** Called before each wait for processes that still encrypt with another key, with their number. */
  readonly onWait: (processes: number) => void
  /** Resolves after a few seconds. */
  readonly wait: () => Promise<void>
}

export interface RotationResult {
  /** The tokens of each key after the rotation. */
  readonly uses: readonly KeyUse[]
  /** The number of rows that were encrypted again. */
  readonly rows: number
  /** The number of rows that no key decrypts. */
  readonly unreadable: number
}

/**
 * Encrypts all stored tokens with the current key. Rejects if a running process lacks this key. May run again after it was
 * interrupted.
 */
export const rotate = async (options: RotationOptions): Promise<RotationResult> => {
  const { database, keyring, count, pass, onPage, onWait, wait } = options
  const { currentKeyId } = keyring

  /** Returns the number of processes that encrypt with another key. */
  const others = async (): Promise<number> => {
    const live = await database.processes.live()
    refuseOldProcesses(live, currentKeyId)
    return live.filter(({ keyId }) => keyId !== currentKeyId).length
  }

  await others()
  await database.keys.use([currentKeyId])
  let rows = 0
  for (;;) {
    // If a process still encrypts with another key when the pass begins, it may store tokens of that key during the pass. Then
    // another pass is needed.
    const before = await others()
    const total = await pass(onPage)
    rows += total.rows
    if (before === 0 && total.rows === 0 && total.skipped === 0) {
      const uses = await count()
      await record(database, currentKeyId, uses)
      return { uses, rows, unreadable: total.unreadable }
    }
    for (let left = before; left > 0; left = await others()) {
      onWait(left)
      await wait()
    }
    if (total.skipped > 0) await wait()
  }
}

/** Records which keys are still needed by tokens or by running processes. */
const record = async (
  { keys, processes }: RotationOptions['database'],
  currentKeyId: string,
  uses: readonly KeyUse[]
): Promise<void> => {
  const live = await processes.live()
  const used = [...uses, ...live].flatMap(({ keyId }) => keyId ?? [])
  await keys.use([currentKeyId, ...used])
  await keys.retire([currentKeyId, ...used])
}

const refuseOldProcesses = (processes: readonly ProcessRow[], currentKeyId: string): void => {
  const unable = processes.filter(({ keyIds }) => !keyIds.includes(currentKeyId)).length
  if (unable === 0) return
  throw new Error(
    `${unable} running ${unable === 1 ? 'process has' : 'processes have'} no key ${currentKeyId} (the ENCRYPTION_KEY of ` +
      'this command). Without this key, a process cannot read the re-encrypted data. Add the key to ENCRYPTION_KEY_PREVIOUS ' +
      'of every process, restart the processes, and try again.'
  )
}
