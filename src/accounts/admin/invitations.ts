/** Issues invitations. In the registration mode `invite`, only people with an invitation can register. */
import type { AccountsContext } from '../context.ts'
import { hashToken, newToken } from '../mail/token.ts'
import { type RegistrationMode, registrationClosed } from '../registration.ts'
import { type AdminOrOperator, notAdmin, recordFor, sessionOf } from './actor.ts'

export interface Invitation {
  /** The token. The database stores only its hash. */
  readonly invitation: string
  /** The expiry of the invitation, in milliseconds since the epoch. */
  readonly expiresAt: number
}

export interface Invitations {
  /** Issues an invitation for one person. Throws `not_allowed`, or `registration_closed` if nobody can register. */
  create(actor: AdminOrOperator, lifetimeMs: number): Promise<Invitation>
}

export const createInvitations = (
  { database }: Pick<AccountsContext, 'database'>,
  mode: RegistrationMode
): Invitations => ({
  async create(actor, lifetimeMs) {
    if (mode === 'closed') throw registrationClosed()
    return database.transaction(async repositories => {
      if (!(await repositories.administration.isAllowed(sessionOf(actor)))) throw notAdmin()
      const invitation = newToken()
      const expiresAt = await repositories.invitations.add(hashToken(invitation), lifetimeMs)
      await recordFor(repositories, actor, undefined, { event: 'invitation_created' })
      return { invitation, expiresAt }
    })
  }
})
