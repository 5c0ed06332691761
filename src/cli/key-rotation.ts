/**
 * Runs `fastify-chat keys status`, which shows which keys encrypt the stored Fernet tokens, and `keys rotate`, which encrypts the
 * stored data again with the current key.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { exclusively } from '../db/exclusive.ts'
import { reencryptOnce } from '../db/reencrypt.ts'
import { countTokensByKey } from '../db/table-pages.ts'
import { systemClock } from '../lib/clock.ts'
import { createPace } from '../lib/pace.ts'
import { type RotationResult, rotate } from '../ops/rotation.ts'
import { keyStatus, numbered } from './key-status.ts'
import { lowerPriority } from './low-priority.ts'
import { print } from './print.ts'
import { createProgress, type Progress } from './progress.ts'
import { type AccountTools, withDatabase } from './with-database.ts'

/** Interval in milliseconds between two look-ups of the running processes. */
const WAIT_MS = 5000
/** Maximum number of rows per transaction. */
const MAX_ROWS = 250

export const showKeys = (): Promise<void> =>
  withDatabase(async tools => {
    const { database, keyring } = tools
    const uses = await countTokensByKey(database)
    await database.keys.use(uses.flatMap(({ keyId }) => keyId ?? []))
    print(
      ...keyStatus({ uses, keyring, processes: await database.processes.live(), known: await database.keys.list() })
    )
  })

/** Runs `keys rotate`. Rejects if a running process lacks the current key, or if another rotation runs. */
export const rotateKeys = (): Promise<void> => {
  lowerPriority()
  return withDatabase(
    ({ database, keyring }) =>
      exclusively(database.client, { schema: database.schema, name: 'keys rotate' }, async () => {
        const result = await rotateWithProgress({ database, keyring })
        const [processes, known] = [await database.processes.live(), await database.keys.list()]
        print('', ...keyStatus({ uses: result.uses, keyring, processes, known }), '', ...summaryOf(result))
      }),
    { poolMax: 3 }
  )
}

const rotateWithProgress = async ({
  database,
  keyring
}: Pick<AccountTools, 'database' | 'keyring'>): Promise<RotationResult> => {
  let total = 0
  const uses = await countTokensByKey({ ...database, onPage: rows => (total = rows) })
  await database.keys.use(uses.flatMap(({ keyId }) => keyId ?? []))
  let progress: Progress | undefined
  try {
    return await rotate({
      database,
      keyring,
      count: () => countTokensByKey(database),
      async pass(onPage) {
        progress?.stop()
        progress = await createProgress('encrypting', total)
        return reencryptOnce({ ...database, keyring, pace: createPace(systemClock, { maxRows: MAX_ROWS }), onPage })
      },
      onPage: ({ read }) => progress?.add(read),
      onWait: processes =>
        progress?.print(
          `${numbered(processes, 'running process encrypts', 'running processes encrypt')} with another key. Set ` +
            `ENCRYPTION_KEY to the key ${keyring.currentKeyId} in every process, and restart the processes. Waiting.`
        ),
      wait: () => delay(WAIT_MS)
    })
  } finally {
    progress?.stop()
  }
}

const summaryOf = ({ rows, unreadable }: RotationResult): string[] => [
  `${numbered(rows, 'row')} encrypted again.`,
  ...(unreadable > 0
    ? [
        `No key in the settings decrypts ${numbered(unreadable, 'row')}. These rows were not changed. Add their key to ENCRYPTION_KEY_PREVIOUS, and run the command again.`
      ]
    : []),
  'Keep every old key for as long as you keep backups from before this rotation: they can be read only with it.'
]
