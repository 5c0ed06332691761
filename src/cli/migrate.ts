/** `fastify-chat migrate up|down|status`: the database's history, for an operator or a job before a deployment. */
import { readEnvironment } from '../../plugins/config.ts'
import { openClient, type SqlClient, waitForDatabase } from '../db/client.ts'
import { type MigrationStatus, migrateDown, migrateUp, migrationStatus } from '../db/migrate.ts'
import { print } from './print.ts'

type Work = (client: SqlClient, schema: string) => Promise<string[]>

const works = {
  async up(client, schema) {
    const applied = await migrateUp(client, schema)
    return applied.length > 0 ? applied.map(tag => `applied ${tag}`) : ['Nothing to do: every migration is applied.']
  },
  async down(client, schema) {
    const undone = await migrateDown(client, schema)
    return [undone === undefined ? 'Nothing to undo: no migration is applied.' : `undone ${undone}`]
  },
  async status(client, schema) {
    return (await migrationStatus(client, schema)).map(shown)
  }
} satisfies Record<string, Work>

const shown = ({ tag, state, appliedAt = '' }: MigrationStatus): string =>
  `${state.padEnd(8)}  ${tag.padEnd(32)}  ${appliedAt}`.trimEnd()

/** The action of one of the commands. It needs the database's settings only, no keys. */
export const migrateCommand = (name: keyof typeof works) => async (): Promise<void> => {
  const { settings } = readEnvironment({ mode: 'production', without: ['secretKey', 'encryptionKey'] })
  const { databaseUrl: url, databaseSsl: ssl, databaseCa: ca } = settings
  const client = await openClient({ url, ssl, ca, poolMax: 1 })
  try {
    await waitForDatabase(client, { seconds: settings.databaseWaitSeconds })
    print(...(await works[name](client, settings.databaseSchema)))
  } finally {
    await client.close()
  }
}
