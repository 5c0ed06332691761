/** Opens the database for commands that change accounts. The keys of the service may be missing. */
import { readEnvironment } from '../../plugins/config.ts'
import { type Administration, createAdministration } from '../accounts/admin/administration.ts'
import { createOperator, type Operator } from '../accounts/admin/operator.ts'
import { createRequestDeletion, type RequestDeletion } from '../accounts/deletion/request.ts'
import { createMail, type Mail } from '../accounts/mail/mail.ts'
import type { Settings } from '../config/settings.ts'
import { createKeyring, type Keyring } from '../crypto/keyring.ts'
import { openClient, waitForDatabase } from '../db/client/open.ts'
import { type ChatDatabase, createDatabase } from '../db/database.ts'
import { requireMigrated } from '../db/migrate.ts'
import { systemClock } from '../lib/clock.ts'

export interface AccountTools {
  readonly settings: Settings
  readonly database: ChatDatabase
  readonly administration: Administration
  readonly operator: Operator
  readonly requestDeletion: RequestDeletion
}

/** Runs `work` with an open database, whose migrations must be applied. */
export const withDatabase = async (work: (tools: AccountTools) => Promise<void>): Promise<void> => {
  const { settings } = readEnvironment({ mode: 'production', without: ['secretKey', 'encryptionKey'] })
  const { databaseUrl: url, databaseSsl: ssl, databaseCa: ca, databaseSchema: schema, auditDays: days } = settings
  const client = await openClient({ url, ssl, ca, poolMax: 1 })
  try {
    await waitForDatabase(client, { seconds: settings.databaseWaitSeconds })
    await requireMigrated(client, schema)
    const database = createDatabase(client, schema, { audit: { days } })
    const context = { database, ...mailOf(settings) }
    await work({
      settings,
      database,
      administration: createAdministration(context),
      operator: createOperator(context),
      requestDeletion: createRequestDeletion({ context, erasesByDefault: settings.onDelete === 'erase' })
    })
  } finally {
    await client.close()
  }
}

/** Returns a mail that stores notifications for the worker of the service, and its keyring, if the service sends mails. */
const mailOf = ({ smtpUrl, encryptionKey, encryptionKeyPrevious }: Settings): { mail: Mail; keyring?: Keyring } => {
  const isConfigured = smtpUrl !== undefined && Boolean(encryptionKey)
  if (!isConfigured) return { mail: { isConfigured, async enqueue() {} } }
  const keyring = createKeyring({ current: encryptionKey, previous: encryptionKeyPrevious, now: systemClock.now })
  return { mail: createMail({ keyring, isConfigured }), keyring }
}
