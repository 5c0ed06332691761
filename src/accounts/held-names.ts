/** Keeps the names of deleted accounts from being given out, so that nobody can pose as the person who had the name. */
import type { Repositories } from '../db/database.ts'
import type { NewUser, UserRecord } from '../db/repositories/users.ts'
import { ChatError } from '../protocol/errors.ts'
import type { AccountsContext } from './context.ts'

/** Returns the HMAC of a name, regardless of the case of ASCII letters. Must not be awaited inside a transaction. */
export const hashOfName = ({ lookupKeys }: Pick<AccountsContext, 'lookupKeys'>, username: string): Promise<string> =>
  lookupKeys.hash(
    'names',
    username.replace(/[A-Z]/g, letter => letter.toLowerCase())
  )

/**
 * Creates a user with the repositories of a transaction. Throws `username_taken` if another user has the name, or if it is held.
 * The hold is checked after the insert: a deletion frees the name and holds it in one transaction, for which the insert waits.
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
