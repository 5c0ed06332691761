/**
 * Performs actions that only the operator may perform, on the command line: creates users, ends all sessions, and removes
 * second factors.
 */
import type { ManagedUser } from '../../db/repositories/administration.ts'
import type { UserRole } from '../../db/tables.ts'
import type { AccountsContext } from '../context.ts'
import { createUnlessHeld, hashOfName } from '../held-names.ts'
import { recordFor } from './actor.ts'

export interface NewManagedUser {
  readonly username: string
  readonly hashedPassword: string
  readonly role: UserRole
}

export interface Operator {
  /**
   * Creates a user. Accepts reserved names. Throws `username_taken` if a user has the name, or had it and was deleted recently.
   */
  createUser(user: NewManagedUser): Promise<ManagedUser>
  /** Ends all sessions of all users. The returned number of users includes users without a session. */
  endAllSessions(): Promise<number>
  /** Removes all second factors of a user who lost them. Returns false if the user has none. */
  removeFactors(userId: number): Promise<boolean>
}

/** Maximum number of users whose sessions end in one transaction. */
const BATCH = 1000

export const createOperator = ({
  database,
  lookupKeys,
  mail
}: Pick<AccountsContext, 'database' | 'lookupKeys' | 'mail'>): Operator => ({
  async createUser({ role, ...user }) {
    const nameHash = await hashOfName({ lookupKeys }, user.username)
    return database.transaction(async repositories => {
      const { id } = await createUnlessHeld(repositories, user, nameHash)
      const created = await repositories.administration.change(null, id, { role })
      if (!created) throw new Error('The insert into "users" created no user.')
      await recordFor(repositories, 'operator', id, { event: 'user_created', detail: { role } })
      return created
    })
  },
  async endAllSessions() {
    let last = 0
    let users = 0
    for (;;) {
      const ids = await database.transaction(async repositories => {
        // The event is recorded in the transaction of the first batch, so that an interrupted run is recorded too.
        if (last === 0)
          await recordFor(repositories, 'operator', undefined, { event: 'sessions_ended', detail: { all: true } })
        return repositories.administration.endSessionsOfMany(last, BATCH)
      })
      users += ids.length
      if (ids.length < BATCH) return users
      last = ids.at(-1) ?? last
    }
  },
  removeFactors: userId =>
    database.transaction(async repositories => {
      await repositories.administration.lock(userId)
      const { hasTotp, allPasskeys } = await repositories.factors.summary(userId, undefined)
      if (!hasTotp && allPasskeys === 0) return false
      await repositories.factors.removeAll(userId)
      await recordFor(repositories, 'operator', userId, { event: 'factor_removed', detail: { factor: 'all' } })
      await mail.enqueue(repositories, { kind: 'factor_removed', userId, params: { factor: 'all' } })
      return true
    })
})
