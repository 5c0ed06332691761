/** Accepts recovery codes, and codes of authenticator apps. Across all processes, each code is accepted only once. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { Repositories } from '../../db/database.ts'
import type { TotpSecret } from '../../db/repositories/totp.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext } from '../context.ts'
import { createFactorChanges, type FactorActor, type FactorChange } from './change.ts'
import { parseRecoveryCode } from './recovery-codes.ts'
import { parseTotpCode, stepOfCode } from './totp.ts'

/** Maximum number of wrong codes per account per day. */
const MAX_PER_DAY = 20
const DAY_MS = 24 * 60 * 60 * 1000

export interface Codes {
  /**
   * Accepts a user's recovery code, or a code of the user's authenticator app. `also` runs in the same transaction. Throws
   * `invalid_code`, or the error of `also`. Throws `rate_limited` after 20 wrong codes in a day. Throws the error of `onStale`
   * if the user was changed since the request was authenticated.
   */
  accept(actor: FactorActor, code: string, also?: (repositories: Repositories) => Promise<void>): Promise<void>
}

/** Creates the check of codes. `onStale` creates the error for a user who was changed since the request was authenticated. */
export const createCodes = (
  context: Pick<AccountsContext, 'database' | 'keyring' | 'clock' | 'mail'>,
  onStale?: () => ChatError
): Codes => {
  const { database, keyring, clock } = context
  const change = createFactorChanges(context, onStale)

  const acceptTotp = async ({ repositories }: FactorChange, userId: number, code: string): Promise<boolean> => {
    const stored = await repositories.totp.find(userId)
    if (!stored?.isConfirmed) return false
    const step = stepOfCode(secretOf(keyring, stored), code, clock.now())
    return step !== undefined && repositories.totp.acceptStep(userId, step)
  }

  const acceptRecoveryCode = async ({ repositories, report }: FactorChange, userId: number, code: string) => {
    const row = parseRecoveryCode(code)
    if (!row || !(await repositories.recoveryCodes.use(userId, row))) return false
    const { recoveryCodes } = await repositories.factors.summary(userId, undefined)
    await report('recovery_code_used', { left: recoveryCodes })
    return true
  }

  return {
    async accept(actor, code, also) {
      const { user, client } = actor
      const waitMs = await database.factors.countCode(user.id, MAX_PER_DAY, DAY_MS)
      if (waitMs > 0) {
        throw new ChatError('rate_limited', 'Too many wrong codes were entered for this account. Try again tomorrow.', {
          retryAfterMs: waitMs
        })
      }
      let isRight = false
      try {
        await change(actor, async changing => {
          const digits = parseTotpCode(code)
          isRight =
            digits === undefined
              ? await acceptRecoveryCode(changing, user.id, code)
              : await acceptTotp(changing, user.id, digits)
          if (isRight) await also?.(changing.repositories)
        })
      } finally {
        // A right code is not counted, even if the change fails for another reason, such as a login that has ended meanwhile.
        if (isRight) await database.factors.uncountCode(user.id)
      }
      if (isRight) return
      const { address, agent } = client
      await database.audit.record({ event: 'second_factor_failed', userId: user.id, address, agent })
      throw invalidCode()
    }
  }
}

/** Returns the error for a code that is wrong, or that was accepted before. */
export const invalidCode = (): ChatError =>
  new ChatError(
    'invalid_code',
    'The code is wrong, or it was used before. Enter the next code of your authenticator app.'
  )

/** Decrypts a stored secret. If no key decrypts it, throws an error that does not contain the secret. */
export const secretOf = (keyring: Keyring, { userId, secret, keyId }: TotpSecret): string => {
  const text = keyring.decrypt(secret, keyId)
  if (text !== undefined) return text
  throw new Error(
    `The TOTP secret of user ${userId} cannot be decrypted. Add its key, ${keyId}, to ENCRYPTION_KEY_PREVIOUS.`
  )
}
