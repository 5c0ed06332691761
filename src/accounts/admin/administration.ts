/**
 * Changes the accounts of other users: roles, suspensions, sessions and passwords. The transaction of each change checks again
 * that the actor may make the change, and records it in the audit log.
 */
import type { Repositories } from '../../db/database.ts'
import type { ManagedUser, UserChange, UserPage } from '../../db/repositories/administration.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext } from '../context.ts'
import { RESET_LIFETIME_MS } from '../mail/templates.ts'
import { hashToken, newToken } from '../mail/token.ts'
import {
  type AdminEvent,
  type AdminOrOperator,
  lockFor,
  notAdmin,
  recordFor,
  refusal,
  refuseLastAdmin,
  sessionOf
} from './actor.ts'

export interface Administration {
  /** Returns users in the order of their ids. Omits deleted users. */
  list(page: UserPage): Promise<ManagedUser[]>
  /**
   * Changes the role or the status of a user. A status of `suspended` suspends the user, and `active` restores a suspended
   * user. Throws `user_not_found`, `not_allowed`, or `last_admin` if no administrator would remain. Does nothing if the user
   * already has the given values.
   */
  change(actor: AdminOrOperator, id: number, change: UserChange): Promise<ManagedUser>
  /** Ends every session of a user. Throws `user_not_found` or `not_allowed`. */
  endSessions(actor: AdminOrOperator, id: number): Promise<void>
  /**
   * Allows a user to choose a new password. Mails a link to the verified address of the user. Returns a token instead if the
   * user has no verified address, if `Mail.enqueue` stores no mail, or if the actor is the operator. Throws `user_not_found` if
   * the user does not exist or is not active. Throws `not_allowed` if the actor may not administer users, or if the user logs in
   * at another issuer.
   */
  resetPassword(actor: AdminOrOperator, id: number): Promise<IssuedReset>
}

export interface IssuedReset {
  /** The token for setting a new password. Absent if a link was mailed. */
  readonly token?: string
  /** Time in milliseconds until the token or the link expires. */
  readonly lifetimeMs: number
}

type Context = Pick<AccountsContext, 'database' | 'mail'>

export const createAdministration = (context: Context): Administration => {
  const { transaction, administration } = context.database
  return {
    list: administration.list,
    change: (actor, id, change) => transaction(repositories => changeUser(context, repositories, actor, id, change)),
    endSessions: (actor, id) =>
      transaction(async repositories => {
        await lockFor(repositories, actor)
        const isEnded = await repositories.administration.endSessions(sessionOf(actor), id)
        if (!isEnded) throw await refusal(repositories, actor)
        await recordFor(repositories, actor, id, { event: 'sessions_ended' })
      }),
    resetPassword: (actor, id) => transaction(repositories => resetPassword(context, repositories, actor, id))
  }
}

const changeUser = async (
  { mail }: Context,
  repositories: Repositories,
  actor: AdminOrOperator,
  id: number,
  change: UserChange
): Promise<ManagedUser> => {
  const { administration } = repositories
  await lockFor(repositories, actor)
  if (change.role === 'user' || change.status === 'suspended') await refuseLastAdmin(repositories, actor, id)
  const before = await administration.lock(id)
  if (before) refuseOwnSuspension(actor, id, change)
  const after = await administration.change(sessionOf(actor), id, change)
  if (!before || !after) throw await refusal(repositories, actor)
  for (const event of eventsOf(before, after)) await recordFor(repositories, actor, id, event)
  if (before.role !== 'admin' && after.role === 'admin')
    await mail.enqueue(repositories, { kind: 'new_admin', userId: id, params: {} })
  return after
}

const refuseOwnSuspension = (actor: AdminOrOperator, id: number, { status }: UserChange): void => {
  if (status !== 'suspended' || actor === 'operator' || actor.userId !== id) return
  throw new ChatError('not_allowed', 'You cannot suspend your own account. Ask another administrator.')
}

const eventsOf = (before: ManagedUser, after: ManagedUser): AdminEvent[] => [
  ...(before.role === after.role ? [] : [{ event: 'role_changed' as const, detail: { role: after.role } }]),
  ...(before.status === after.status
    ? []
    : [{ event: after.status === 'suspended' ? ('user_suspended' as const) : ('user_restored' as const) }])
]

/**
 * Lifetime in milliseconds of a returned token. It is longer than the lifetime of a mailed link, because a person has to pass
 * the token on.
 */
const RESET_MS = 24 * 60 * 60 * 1000

const resetPassword = async (
  { mail }: Context,
  repositories: Repositories,
  actor: AdminOrOperator,
  userId: number
): Promise<IssuedReset> => {
  const { administration, emails, identities, oneTimeTokens } = repositories
  await lockFor(repositories, actor)
  if (!(await administration.isAllowed(sessionOf(actor)))) throw notAdmin()
  const user = await administration.lock(userId)
  if (user?.status !== 'active') throw await refusal(repositories, actor)
  if (await identities.has(userId)) {
    throw new ChatError(
      'not_allowed',
      'This user logs in at another issuer and has no password here. Reset the password there.'
    )
  }
  await recordFor(repositories, actor, userId, { event: 'reset_issued' })
  const verified = (await emails.listOf(userId)).find(({ state }) => state === 'verified')
  if (verified && actor !== 'operator') {
    const params = { addressHash: verified.addressHash }
    const isMailed = await mail.enqueue(repositories, { kind: 'reset_password', userId, params })
    if (isMailed) return { lifetimeMs: RESET_LIFETIME_MS }
  }
  const token = newToken()
  const purpose = 'reset_password'
  await oneTimeTokens.issue({ hash: hashToken(token), purpose, userId, addressHash: null, lifetimeMs: RESET_MS })
  return { token, lifetimeMs: RESET_MS }
}
