/** Defines the checks of the database: the connection, migrations, rights, notifications, keys and the clock. */
import type { Settings } from '../../config/settings.ts'
import { createKeyring } from '../../crypto/keyring.ts'
import type { SqlClient } from '../../db/client/types.ts'
import { createDatabase } from '../../db/database.ts'
import { databaseTime, missingGrants } from '../../db/inspection.ts'
import { requireMigrated } from '../../db/migrate.ts'
import { systemClock } from '../../lib/clock.ts'

/** A check. `run` resolves with a description of the result, or rejects with an error that describes what to do. */
export interface Check {
  readonly name: string
  readonly run: () => Promise<string>
}

/** Maximum difference in milliseconds between the clocks of this machine and of the database. */
const MAX_CLOCK_DIFFERENCE_MS = 1000
/** Maximum number of missing rights that are listed. */
const SHOWN = 5

/** Returns the checks of the database. The first one is the connection. */
export const databaseChecks = (client: SqlClient, { databaseSchema, ...settings }: Settings): Check[] => {
  const { encryptionKey: current, encryptionKeyPrevious: previous } = settings
  const keyring = createKeyring({ current, previous, now: systemClock.now })
  return [
    {
      name: 'database',
      run: async () => {
        await databaseTime(client)
        return `${client.where} responds`
      }
    },
    {
      name: 'migrations',
      run: async () => {
        await requireMigrated(client, databaseSchema)
        return 'all applied'
      }
    },
    { name: 'grants', run: () => checkGrants(client, databaseSchema) },
    { name: 'listen', run: () => checkListen(client) },
    {
      name: 'keys',
      run: async () => {
        const newest = await createDatabase(client, databaseSchema).keys.newestTokens()
        const unread = newest.filter(({ token, keyId }) => keyring.decrypt(token, keyId ?? undefined) === undefined)
        if (unread.length === 0) return `the keys decrypt the newest ${newest.length} texts`
        throw new Error(
          `The keys decrypt ${newest.length - unread.length} of the newest ${newest.length} texts. Run "fastify-chat keys status", and add the missing key to ENCRYPTION_KEY_PREVIOUS.`
        )
      }
    },
    { name: 'clock', run: () => checkClock(client) }
  ]
}

const checkGrants = async (client: SqlClient, schema: string): Promise<string> => {
  const missing = await missingGrants(client, schema)
  if (missing.length === 0) return 'the role has the rights that the service needs'
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : ''
  throw new Error(
    `The role lacks ${missing.slice(0, SHOWN).join(', ')}${more}. Grant them as in docs/operations.md, "Database rights".`
  )
}

const checkListen = async ({ notifications, where }: SqlClient): Promise<string> => {
  if (!notifications) return 'not needed: only one process can use the embedded database'
  if (await notifications.isDelivered()) return 'notifications arrive'
  throw new Error(
    `Notifications do not arrive through ${where}. Set DATABASE_LISTEN_URL to a direct connection to PostgreSQL.`
  )
}

const checkClock = async (client: SqlClient): Promise<string> => {
  const sentAt = systemClock.now()
  const time = await databaseTime(client)
  const receivedAt = systemClock.now()
  // The database read its clock between `sentAt` and `receivedAt`, so any time in this range counts as no difference.
  const difference = Math.round(Math.max(sentAt - time, time - receivedAt, 0))
  if (difference <= MAX_CLOCK_DIFFERENCE_MS) return 'the same as the clock of the database'
  throw new Error(
    `The clocks of this machine and of the database differ by ${difference} ms. Synchronize both, for example with chrony.`
  )
}
