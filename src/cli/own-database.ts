/** Opens the database for commands that need no keys. */
import { readEnvironment } from '../config/environment.ts'
import { openClient, waitForDatabase } from '../db/client/open.ts'
import type { SqlClient } from '../db/client/types.ts'

/** Opens the database and runs `work`. Uses only the database settings. */
export const withOwnDatabase = async (work: (client: SqlClient, schema: string) => Promise<void>): Promise<void> => {
  const { settings } = readEnvironment({ mode: 'production', without: ['secretKey', 'encryptionKey'] })
  const { databaseUrl: url, databaseSsl: ssl, databaseCa: ca } = settings
  const client = await openClient({ url, ssl, ca, poolMax: 1 })
  try {
    await waitForDatabase(client, { seconds: settings.databaseWaitSeconds })
    await work(client, settings.databaseSchema)
  } finally {
    await client.close()
  }
}
