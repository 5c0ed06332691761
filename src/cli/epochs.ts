/** Runs `fastify-chat epochs renew`, after a database was restored from a backup. */
import { renewEpochs as renew } from '../db/epochs.ts'
import { numbered } from './key-status.ts'
import { withOwnDatabase } from './own-database.ts'
import { print } from './print.ts'
import { confirm } from './terminal.ts'

export interface EpochsOptions {
  /** Whether to continue without asking for confirmation. */
  readonly yes?: true
}

/** Gives every room a new epoch. Uses only the database settings, so the keys may be missing. */
export const renewEpochs = ({ yes }: EpochsOptions): Promise<void> =>
  withOwnDatabase(async (client, schema) => {
    const question = `Give every room in the schema "${schema}" at ${client.where} a new epoch, so that every client loads the history again?`
    if (!yes && !(await confirm(question))) return print('Nothing was changed.')
    const count = await renew(client, schema)
    print(`${numbered(count, 'room has', 'rooms have')} a new epoch. Restart the processes that use this database.`)
  })
