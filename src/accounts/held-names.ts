/** Prevents the registration of names of deleted accounts for a time, so that nobody can pose as the former user. */
import type { Repositories } from '../db/database.ts'
import type { NewUser, UserRecord } from '../db/repositories/users.ts'
import { ChatError } from '../protocol/errors.ts'
import type { AccountsContext } from './context.ts'

/** Returns the HMAC of a name. The case of ASCII letters is ignored. Must not be awaited inside a transaction. */
export const hashOfName = ({ lookupKeys }: Pick<AccountsContext, 'lookupKeys'>, username: string): Promise<string> =>
  lookupKeys.hash(
    'names',
    username.replace(/[A-Z]/g, letter => letter.toLowerCase())
  )

/**
 * Creates a user with the repositories of a transaction. Throws `username_taken` if another user has the name, or if the name
 * is held. Checks the hold after the insert, because the insert waits for a running deletion of the user who had the name. The
 * deletion frees and holds the name in one transaction.
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
