/**
 * Decides whether a user may administer the service. Checks the role. Also checks for a second factor, if administrators need a
 * second factor.
 */
import type { AdministrationRepository } from '../../db/repositories/administration.ts'
import type { FactorsRepository } from '../../db/repositories/factors.ts'
import type { UserRole } from '../../db/tables.ts'
import { ChatError } from '../../protocol/errors.ts'
import { notAdmin } from './actor.ts'

export interface AdminGuardOptions {
  readonly administration: Pick<AdministrationRepository, 'countAdmins'>
  readonly factors: Pick<FactorsRepository, 'summary'>
  /** True if administrators need a second factor. */
  readonly isFactorRequired: boolean
}

export interface AdminGuard {
  /**
   * Throws `not_allowed` if the user is not an administrator. Throws `second_factor_missing` if administrators need a second
   * factor and the user has none.
   */
  check(user: { readonly userId: number; readonly role: UserRole }): Promise<void>
  /** Returns a warning for the operator if there are administrators without a second factor. */
  warning(): Promise<string | undefined>
}

export const createAdminGuard = ({ administration, factors, isFactorRequired }: AdminGuardOptions): AdminGuard => ({
  async check({ userId, role }) {
    if (role !== 'admin') throw notAdmin()
    if (!isFactorRequired) return
    const { hasTotp, allPasskeys } = await factors.summary(userId, undefined)
    if (hasTotp || allPasskeys > 0) return
    throw new ChatError(
      'second_factor_missing',
      'Administrators of this service need a second factor. Add an authenticator app or a passkey to your account.'
    )
  },
  async warning() {
    const { all, withoutFactor } = await administration.countAdmins()
    if (withoutFactor === 0) return undefined
    const who = `${withoutFactor} of ${all} administrators ${withoutFactor === 1 ? 'has' : 'have'} no second factor`
    return isFactorRequired
      ? `${who}, so ADMIN_SECOND_FACTOR locks them out of the administration until they add one.`
      : `${who}, so a password is enough to administer the service. Ask them to add one, and set ADMIN_SECOND_FACTOR=true.`
  }
})
