/**
 * Changes the accounts of others: roles, suspensions, sessions, passwords. Each change is done for an administrator or for the operator of
 * the service, checks again that the administrator may do it, and is audited in its transaction.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Repositories } from '../../db/database.ts'
import type { AdminSession, ManagedUser, UserChange, UserPage } from '../../db/repositories/administration.ts'
import type { NewAuditEvent } from '../../db/repositories/audit.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AuditEventName } from '../audit-events.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'

/** An administrator who sends a request, or `operator`: whoever runs the command line or the host application. */
export type Actor = Administrator | 'operator'

export interface Administrator extends AdminSession {
  readonly client: ClientInfo
}

export interface Administration {
  /** Returns users in the order of their ids. Omits deleted users. */
  list(page: UserPage): Promise<ManagedUser[]>
  /**
   * Changes the role of a user, suspends or restores the user. Throws `user_not_found`, `not_allowed`, or `last_admin` if there
   * would be no administrator left. A change to the current values does nothing.
   */
  change(actor: Actor, id: number, change: UserChange): Promise<ManagedUser>
  /** Ends every session of a user. Throws `user_not_found` or `not_allowed`. */
  endSessions(actor: Actor, id: number): Promise<void>
  /**
   * Issues a token with which the user can choose a new password. Throws `user_not_found`, also for a suspended user, or
   * `not_allowed`.
   */
  resetPassword(actor: Actor, id: number): Promise<IssuedToken>
}

export interface IssuedToken {
  readonly token: string
  /** Time in milliseconds until the token expires. */
  readonly lifetimeMs: number
}

/** Lifetime in milliseconds of a token to reset a password. It is longer than that of a mailed link, because a person passes it on. */
const RESET_MS = 24 * 60 * 60 * 1000

export const createAdministration = ({
  database,
  mail
}: Pick<AccountsContext, 'database' | 'mail'>): Administration => ({
  list: page => database.administration.list(page),
  change: (actor, id, change) =>
    database.transaction(async repositories => {
      const { administration } = repositories
      const isAboutAdmins = change.role !== undefined || change.status === 'suspended'
      const admins = isAboutAdmins ? await administration.lockAdmins() : []
      const before = await administration.lock(id)
      if (before) refuseOwnSuspension(actor, id, change)
      const removesAdmin = change.role === 'user' || change.status === 'suspended'
      if (removesAdmin && admins.length === 1 && admins[0] === id) await refuseLastAdmin(repositories, actor)
      const after = await administration.change(sessionOf(actor), id, change)
      if (!before || !after) throw await refusal(repositories, actor)
      for (const event of eventsOf(before, after)) await recordFor(repositories, actor, id, event)
      if (before.role !== 'admin' && after.role === 'admin')
        for (const userId of new Set([...admins, id]))
          await mail.enqueue(repositories, { kind: 'new_admin', userId, params: { username: after.username } })
      return after
    }),
  endSessions: (actor, id) =>
    database.transaction(async repositories => {
      const isEnded = await repositories.administration.endSessions(sessionOf(actor), id)
      if (!isEnded) throw await refusal(repositories, actor)
      await recordFor(repositories, actor, id, { event: 'sessions_ended' })
    }),
  resetPassword: (actor, id) =>
    database.transaction(async repositories => {
      if (!(await repositories.administration.isAllowed(sessionOf(actor)))) throw notAdmin()
      const token = randomBytes(32).toString('base64url')
      const hash = createHash('sha256').update(token).digest('base64url')
      const isIssued = await repositories.oneTimeTokens.issue({
        hash,
        purpose: 'reset_password',
        userId: id,
        addressHash: null,
        lifetimeMs: RESET_MS
      })
      if (!isIssued) throw await refusal(repositories, actor)
      await recordFor(repositories, actor, id, { event: 'reset_issued' })
      return { token, lifetimeMs: RESET_MS }
    })
})

/** Returns the session that a write checks again, or null for the operator. */
export const sessionOf = (actor: Actor): AdminSession | null => (actor === 'operator' ? null : actor)

type OwnEvent = Pick<NewAuditEvent, 'detail'> & { readonly event: AuditEventName }

/** Records what an administrator or the operator did to a user. */
export const recordFor = (
  { audit }: Pick<Repositories, 'audit'>,
  actor: Actor,
  userId: number | undefined,
  { event, detail }: OwnEvent
): Promise<void> =>
  actor === 'operator'
    ? audit.record({ event, userId, detail: { ...detail, by: 'operator' } })
    : audit.record({ event, userId, actorId: actor.userId, sessionId: actor.sessionId, ...actor.client, detail })

/** Returns the error for a write that changed nothing: either the administrator may not do it, or there is no such user. */
export const refusal = async (
  { administration }: Pick<Repositories, 'administration'>,
  actor: Actor
): Promise<ChatError> =>
  (await administration.isAllowed(sessionOf(actor)))
    ? new ChatError('user_not_found', 'There is no such user. The account may have been deleted.')
    : notAdmin()

/** Returns the error for a user who is no administrator. */
export const notAdmin = (): ChatError => new ChatError('not_allowed', 'Only administrators may do this.')

/** Throws unless other administrators are left. Call it with the ids that `lockAdmins` returned. */
const refuseLastAdmin = async (repositories: Repositories, actor: Actor): Promise<void> => {
  if (!(await repositories.administration.isAllowed(sessionOf(actor)))) throw notAdmin()
  throw new ChatError('last_admin', 'This is the only administrator. Promote another user first.')
}

const refuseOwnSuspension = (actor: Actor, id: number, { status }: UserChange): void => {
  if (status !== 'suspended' || actor === 'operator' || actor.userId !== id) return
  throw new ChatError('not_allowed', 'You cannot suspend your own account. Ask another administrator.')
}

const eventsOf = (before: ManagedUser, after: ManagedUser): OwnEvent[] => [
  ...(before.role === after.role ? [] : [{ event: 'role_changed' as const, detail: { role: after.role } }]),
  ...(before.status === after.status
    ? []
    : [{ event: after.status === 'suspended' ? ('user_suspended' as const) : ('user_restored' as const) }])
]
