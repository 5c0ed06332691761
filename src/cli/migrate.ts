/** Runs `fastify-chat migrate up|down|status|finish`, for operators and for jobs that run before a deployment. */
import type { SqlClient } from '../db/client/types.ts'
import { findRevertible, type MigrationStatus, migrateDown, migrateUp, migrationStatus } from '../db/migrate.ts'
import { finishUpgrade } from '../db/upgrade.ts'
import { version } from '../lib/package.ts'
import { withOwnDatabase } from './own-database.ts'
import { print, printNote } from './print.ts'
import { confirm } from './terminal.ts'

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
  async finish(client, schema) {
    await finishUpgrade(client, schema, version)
    return ['The upgrade is finished: older releases can no longer write to this database.']
  },
  async status(client, schema) {
    return (await migrationStatus(client, schema)).map(shown)
  }
} satisfies Record<string, Work>

const shown = ({ tag, state, appliedAt = '' }: MigrationStatus): string =>
  `${state.padEnd(8)}  ${tag.padEnd(32)}  ${appliedAt}`.trimEnd()

/** The options of `migrate down` and `migrate finish`. */
export interface MigrateOptions {
  /** Whether to continue without asking for confirmation. */
  readonly yes?: true
}

export type MigrateCommand = keyof typeof works

/** Runs a subcommand of `migrate`. Uses only the database settings, so the keys may be missing. */
export const migrate = (name: MigrateCommand, { yes }: MigrateOptions): Promise<void> =>
  withOwnDatabase(async (client, schema) => {
    if (!yes && !(await isConfirmed(name, client, schema)))
      return print(name === 'down' ? 'Nothing was reverted.' : 'Nothing was changed.')
    print(...(await works[name](client, schema)))
  })

/**
 * Returns whether to run the command. Asks the operator to confirm `migrate finish` and `migrate down`, and lists the data that
 * `migrate down` would delete. Without a terminal, for example in a script, throws unless `migrate down` deletes no data.
 */
const isConfirmed = async (name: MigrateCommand, client: SqlClient, schema: string): Promise<boolean> => {
  const where = `the schema "${schema}" at ${client.where}`
  if (name === 'finish')
    return confirm(`Finish the upgrade of ${where}, so that older releases can no longer write to it?`)
  if (name !== 'down') return true
  const { tag, dropped = [] } = (await findRevertible(client, schema)) ?? {}
  if (tag === undefined) return true
  if (dropped.length === 0) return !process.stdin.isTTY || confirm(`Revert ${tag} in ${where}? It deletes no data.`)
  printNote(`To revert ${tag} deletes ${dropped.join(', ')}.`)
  return confirm(`Revert ${tag} in ${where}, and delete this data?`)
}
