/** Holds the names of deleted accounts for a number of days. Nobody can register a held name and pose as the former user. */
import type { Repositories } from '../db/database.ts'
import type { NewUser, UserRecord } from '../db/repositories/users.ts'
import { ChatError } from '../protocol/errors.ts'
import type { AccountsContext } from './context.ts'

/**
 * Returns the HMAC of a name. The case of ASCII letters is ignored. Must not be awaited inside a transaction (see
 * `LookupKeys`).
 */
export const hashOfName = ({ lookupKeys }: Pick<AccountsContext, 'lookupKeys'>, username: string): Promise<string> =>
  lookupKeys.hash(
    'names',
    username.replace(/[A-Z]/g, letter => letter.toLowerCase())
  )

/**
 * Creates a user with the repositories of a transaction. Throws `username_taken` if another user has the name, or if the name
 * is held. Checks the hold after the insert. The insert may wait for a transaction that removes the name from a deleted user
 * and stores a hold. A check before the insert would miss this hold.
 */
export const createUnlessHeld = async (
  { users, heldNames }: Pick<Repositories, 'users' | 'heldNames'>,
  user: NewUser,
  nameHash: string
): Promise<UserRecord> => {
  const created = await users.create(user)
  if (!(await heldNames.isHeld(nameHash))) return created
  throw new ChatError('username_taken', `The username "${user.username}" is taken. Choose another one.`)
}
