/** Runs `fastify-chat sessions revoke`: ends the sessions of one user or of all users. */
import { print } from './print.ts'
import { confirm } from './terminal.ts'
import { findUser, shown } from './users.ts'
import { withDatabase } from './with-database.ts'

export interface RevokeOptions {
  readonly all?: true
  readonly yes?: true
}

/**
 * Ends every session of the user `name`, or of all users if `all` is true. Throws unless exactly one of `name` and `all` is
 * given.
 */
export const revokeSessions = async (name: string | undefined, { all, yes }: RevokeOptions): Promise<void> => {
  if ((name === undefined) !== Boolean(all)) throw new Error('Give either the name of a user or the option --all.')
  await withDatabase(async ({ database, administration, operator }) => {
    if (name !== undefined) {
      const user = await findUser(database, name)
      await administration.endSessions('operator', user.id)
      return print(`Every session of ${shown(user)} has ended.`)
    }
    const question = `End every session of every user at ${database.client.where}? Everyone has to log in again.`
    if (!yes && !(await confirm(question))) return print('Nothing was changed.')
    print(`The sessions of ${await operator.endAllSessions()} users have ended.`)
  })
}
