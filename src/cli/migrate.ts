/** Runs `fastify-chat migrate up|down|status`, for an operator or a job before a deployment. */
import { createInterface } from 'node:readline/promises'
import { readEnvironment } from '../../plugins/config.ts'
import { openClient, waitForDatabase } from '../db/client/open.ts'
import type { SqlClient } from '../db/client/types.ts'
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
    return [undone === undefined ? 'Nothing to revert: no migration is applied.' : `reverted ${undone}`]
  },
  async status(client, schema) {
    return (await migrationStatus(client, schema)).map(shown)
  }
} satisfies Record<string, Work>

const shown = ({ tag, state, appliedAt = '' }: MigrationStatus): string =>
  `${state.padEnd(8)}  ${tag.padEnd(32)}  ${appliedAt}`.trimEnd()

/** Holds the options of `migrate down`. */
export interface MigrateOptions {
  /** Deletes data without asking for confirmation. */
  readonly yes?: true
}

/** Returns the action of a command. It needs the settings of the database only, no keys. */
export const migrateCommand =
  (name: keyof typeof works) =>
  async ({ yes }: MigrateOptions): Promise<void> => {
    const { settings } = readEnvironment({ mode: 'production', without: ['secretKey', 'encryptionKey'] })
    const { databaseUrl: url, databaseSsl: ssl, databaseCa: ca } = settings
    const client = await openClient({ url, ssl, ca, poolMax: 1 })
    try {
      await waitForDatabase(client, { seconds: settings.databaseWaitSeconds })
      const isAsked = name === 'down' && !yes && process.stdin.isTTY
      if (isAsked && !(await confirmDown(client, settings.databaseSchema))) return print('Nothing was reverted.')
      print(...(await works[name](client, settings.databaseSchema)))
    } finally {
      await client.close()
    }
  }

/** Asks for confirmation on the terminal, before the newest migration is reverted. A script is not asked. */
const confirmDown = async (client: SqlClient, schema: string): Promise<boolean> => {
  const newest = (await migrationStatus(client, schema)).findLast(({ state }) => state !== 'pending')
  if (!newest) return true
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const question = `Revert ${newest.tag} in the schema "${schema}" at ${client.where}, and delete its data? [y/N] `
  const reply = await terminal.question(question).finally(() => terminal.close())
  return /^y(es)?$/i.test(reply.trim())
}
