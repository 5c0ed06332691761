/**
 * Defines who administers users: an administrator or the operator. Records the actions of administrators and the operator, and
 * rejects forbidden actions.
 */
import type { Repositories } from '../../db/database.ts'
import type { NewAuditEvent } from '../../db/repositories/audit.ts'
import type { UserSession } from '../../db/repositories/live-session.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AuditEventName } from '../audit-events.ts'
import type { ClientInfo } from '../context.ts'

/** An administrator who sends a request, or `operator` for the person who runs the command line or the host application. */
export type AdminOrOperator = Administrator | 'operator'

export interface Administrator extends UserSession {
  readonly client: ClientInfo
}

/**
 * Returns the session of an administrator, or null for the operator. Each write must check this session again, because it may
 * have ended since the request was authenticated.
 */
export const sessionOf = (actor: AdminOrOperator): UserSession | null => (actor === 'operator' ? null : actor)

export type AdminEvent = Pick<NewAuditEvent, 'detail'> & { readonly event: AuditEventName }

/** Records what an actor did to a user. If the action concerns no particular user, `userId` is undefined. */
export const recordFor = (
  { audit }: Pick<Repositories, 'audit'>,
  actor: AdminOrOperator,
  userId: number | undefined,
  { event, detail }: AdminEvent
): Promise<void> =>
  actor === 'operator'
    ? audit.record({ event, userId, detail: { ...detail, by: 'operator' } })
    : audit.record({ event, userId, actorId: actor.userId, sessionId: actor.sessionId, ...actor.client, detail })

/**
 * Returns the error for a write that changed nothing. The cause is either that the actor may not write, or that there is no
 * such user.
 */
export const refusal = async (
  { administration }: Pick<Repositories, 'administration'>,
  actor: AdminOrOperator
): Promise<ChatError> => ((await administration.isAllowed(sessionOf(actor))) ? noSuchUser() : notAdmin())

export const noSuchUser = (): ChatError =>
  new ChatError('user_not_found', 'There is no such user. The account may have been deleted or suspended.')

/**
 * Locks the administrators before an administrator changes a user, to prevent deadlocks between transactions. Must be called
 * first in the transaction.
 */
export const lockFor = async (
  { administration }: Pick<Repositories, 'administration'>,
  actor: AdminOrOperator
): Promise<void> => {
  if (actor !== 'operator') await administration.lockAdmins()
}

/** Returns the error for a user who is not an administrator. */
export const notAdmin = (): ChatError => new ChatError('not_allowed', 'Only administrators may do this.')

/**
 * Locks the administrators. If the user `id` is the only administrator, throws `last_admin`, or `not_allowed` if the actor may
 * not administer users. Must be called in the transaction of each write that removes an administrator.
 */
export const refuseLastAdmin = async (
  { administration }: Pick<Repositories, 'administration'>,
  actor: AdminOrOperator,
  id: number
): Promise<void> => {
  const admins = await administration.lockAdmins()
  if (admins.length !== 1 || admins[0] !== id) return
  if (!(await administration.isAllowed(sessionOf(actor)))) throw notAdmin()
  throw new ChatError('last_admin', 'This is the only administrator. Promote another user first.')
}
