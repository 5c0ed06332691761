/** Opens the database for commands about accounts, encryption keys or running processes. */

import { type Administration, createAdministration } from '../accounts/admin/administration.ts'
import { createOperator, type Operator } from '../accounts/admin/operator.ts'
import { createRequestDeletion, type RequestDeletion } from '../accounts/deletion/request.ts'
import { logEvent } from '../accounts/log-event.ts'
import { createLookupKeys, type LookupKeys } from '../accounts/lookup-keys.ts'
import { createMail } from '../accounts/mail/mail.ts'
import { readEnvironment } from '../config/environment.ts'
import type { Settings } from '../config/settings.ts'
import { createKeyring, type Keyring } from '../crypto/keyring.ts'
import { openClient, waitForDatabase } from '../db/client/open.ts'
import type { SqlClient } from '../db/client/types.ts'
import { type ChatDatabase, createDatabase } from '../db/database.ts'
import { requireMigrated } from '../db/migrate.ts'
import type { NewAuditEvent } from '../db/repositories/audit.ts'
import { systemClock } from '../lib/clock.ts'
import { commandLog } from './print.ts'

export interface AccountTools {
  readonly settings: Settings
  readonly database: ChatDatabase
  readonly keyring: Keyring
  readonly administration: Administration
  readonly operator: Operator
  readonly requestDeletion: RequestDeletion
  readonly lookupKeys: LookupKeys
}

/**
 * Opens the database and runs `work`. Rejects if a migration has not been applied. `SECRET_KEY` may be missing. `poolMax` is
 * the maximum number of connections.
 */
export const withDatabase = async (
  work: (tools: AccountTools) => Promise<void>,
  { poolMax = 1 }: { readonly poolMax?: number } = {}
): Promise<void> => {
  const { settings } = readEnvironment({ mode: 'production', without: ['secretKey'] })
  const { databaseUrl: url, databaseSsl: ssl, databaseCa: ca } = settings
  const client = await openClient({ url, ssl, ca, poolMax })
  try {
    await waitForDatabase(client, { seconds: settings.databaseWaitSeconds })
    await requireMigrated(client, settings.databaseSchema)
    await work(toolsOf(client, settings))
  } finally {
    await client.close()
  }
}

const toolsOf = (client: SqlClient, settings: Settings): AccountTools => {
  const { databaseSchema, auditDays, encryptionKey: current, encryptionKeyPrevious: previous } = settings
  const audit = { days: auditDays, onRecorded: (event: NewAuditEvent) => logEvent(commandLog, event) }
  const database = createDatabase(client, databaseSchema, { audit })
  const keyring = createKeyring({ current, previous, now: systemClock.now })
  const context = {
    database,
    keyring,
    // The command only stores mails. The worker of a running service sends them.
    mail: createMail({ keyring, isConfigured: settings.smtpUrl !== undefined }),
    lookupKeys: createLookupKeys({ repository: database.lookupKeys, keyring })
  }
  return {
    settings,
    database,
    keyring,
    lookupKeys: context.lookupKeys,
    administration: createAdministration(context),
    operator: createOperator(context),
    requestDeletion: createRequestDeletion({ context, erasesByDefault: settings.onDelete === 'erase' })
  }
}
