/** Adds and removes authenticator apps, and creates recovery codes. */
import type { FactorSummary } from '../../db/repositories/factors.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext } from '../context.ts'
import { createFactorChanges, type FactorActor, type FactorChange } from './change.ts'
import { invalidCode, secretOf } from './codes.ts'
import { hasFactor } from './login-challenge.ts'
import { createRecoveryCodes } from './recovery-codes.ts'
import { createTotpSecret, parseTotpCode, stepOfCode, type TotpEnrolment } from './totp.ts'

/** The methods with an `actor` throw `invalid_token` if the user was changed since the request was authenticated. */
export interface Factors {
  /** Returns which second factors a user has. */
  summary(userId: number): Promise<FactorSummary>
  /**
   * Stores a new secret, which is not used before it is confirmed. Throws `totp_enabled` if the user already has a confirmed
   * secret.
   */
  enrolTotp(actor: FactorActor): Promise<TotpEnrolment>
  /**
   * Confirms the secret with its first code. Returns new recovery codes, which replace earlier ones. Throws `invalid_code` if
   * the code is wrong, or if no secret awaits confirmation.
   */
  confirmTotp(actor: FactorActor, code: string): Promise<readonly string[]>
  /** Removes the app, even if it is not confirmed. */
  removeTotp(actor: FactorActor): Promise<void>
  /** Returns new recovery codes, which replace earlier ones. Throws `no_second_factor`. */
  renewRecoveryCodes(actor: FactorActor): Promise<readonly string[]>
}

export interface FactorsOptions {
  readonly context: AccountsContext
  /** The name that authenticator apps display for the service. */
  readonly issuer: string
  readonly rpId: string | undefined
}

export const createFactors = ({ context, issuer, rpId }: FactorsOptions): Factors => {
  const { database, keyring, clock } = context
  const change = createFactorChanges(context)

  return {
    summary: userId => database.factors.summary(userId, rpId),
    async enrolTotp(actor) {
      const enrolment = createTotpSecret(issuer, actor.user.username)
      const { token, keyId } = keyring.encrypt(enrolment.secret)
      const isStored = await change(actor, ({ repositories }) =>
        repositories.totp.enrol({ userId: actor.user.id, secret: token, keyId })
      )
      if (isStored) return enrolment
      throw new ChatError('totp_enabled', 'You already use an authenticator app. Remove it before you add another one.')
    },
    confirmTotp: (actor, code) =>
      change(actor, async changing => {
        const { totp } = changing.repositories
        const stored = await totp.find(actor.user.id)
        const digits = parseTotpCode(code)
        if (!stored || stored.isConfirmed || digits === undefined) throw invalidCode()
        const step = stepOfCode(secretOf(keyring, stored), digits, clock.now())
        if (step === undefined || !(await totp.confirm(actor.user.id, step))) throw invalidCode()
        await changing.report('factor_added', { factor: 'totp' })
        return replaceRecoveryCodes(changing, actor.user.id)
      }),
    removeTotp: actor =>
      change(actor, async changing => {
        if (!(await changing.repositories.totp.remove(actor.user.id))) return
        await changing.report('factor_removed', { factor: 'totp' })
        await forgetUselessCodes(changing, actor.user.id)
      }),
    renewRecoveryCodes: actor =>
      change(actor, async changing => {
        if (!hasFactor(await changing.repositories.factors.summary(actor.user.id, undefined))) {
          throw new ChatError(
            'no_second_factor',
            'Add an authenticator app or a passkey before you create recovery codes.'
          )
        }
        return replaceRecoveryCodes(changing, actor.user.id)
      })
  }
}

/** Replaces the recovery codes with new ones. Returns them in the form that the user sees. */
export const replaceRecoveryCodes = async (
  { repositories, report }: FactorChange,
  userId: number
): Promise<readonly string[]> => {
  const { codes, rows } = createRecoveryCodes()
  await repositories.recoveryCodes.replace(userId, rows)
  await report('recovery_codes_created')
  return codes
}

/** Deletes the recovery codes of a user who has no second factor, because no login asks such a user for a code. */
export const forgetUselessCodes = async ({ repositories }: FactorChange, userId: number): Promise<void> => {
  if (!hasFactor(await repositories.factors.summary(userId, undefined))) {
    await repositories.recoveryCodes.removeAll(userId)
  }
}
