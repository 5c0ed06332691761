/** Builds the OpenAPI document from the routes, without a database. */

import { resolveSettings } from '../config/resolve.ts'
import { generateKey } from '../crypto/fernet.ts'
import { offlineClient } from '../db/client/open.ts'
import { createServer } from '../server.ts'

/** Returns the OpenAPI 3.1 document that the service serves at `/openapi.json`. */
export const buildOpenApi = async (): Promise<object> => {
  const values = {
    databaseUrl: 'postgres://offline/offline',
    migrateOnStart: false,
    logLevel: 'silent',
    secretKey: generateKey(),
    encryptionKey: generateKey()
  }
  const { settings } = resolveSettings({ values, mode: 'production', names: 'options' })
  const server = await createServer({ settings, client: offlineClient() })
  const { payload } = await server.inject('/openapi.json')
  await server.close()
  return JSON.parse(payload)
}
