/**
 * Combines the parts of two-factor authentication: authenticator apps, recovery codes, passkeys, and the checks of second
 * factors during a login or a proof.
 */
import type { AccountsContext, ClientInfo } from '../context.ts'
import type { LoginGate } from '../login.ts'
import { hashOfChallenge, invalidChallenge } from './challenge.ts'
import type { FactorActor } from './change.ts'
import { createCodes } from './codes.ts'
import { createFactors, type Factors } from './factors.ts'
import {
  createLoginChallenges,
  hasFactor,
  type InterruptedLogin,
  methodsOf,
  secondFactorRequired
} from './login-challenge.ts'
import { createPasskeyLogin, type PasskeyLogin } from './passkey-login.ts'
import { createPasskeys, type Passkeys } from './passkeys.ts'
import { loadRelyingParty, type RelyingParty } from './relying-party.ts'

export interface TwoFactor {
  /**
   * The gate of a login with a password. It rejects the login if the user has a second factor. `continueLogin` or `passkeyLogin`
   * then continues the login.
   */
  readonly gate: LoginGate
  readonly factors: Factors
  readonly passkeys: Passkeys
  readonly passkeyLogin: PasskeyLogin
  /** True if passkeys can be added and used. */
  readonly hasPasskeys: boolean
  /**
   * Verifies the code of an interrupted login. Returns the user, and the options of the request that started the login. Throws
   * `invalid_challenge`, `invalid_code` or `rate_limited`.
   */
  continueLogin(client: ClientInfo, challenge: string, code: string): Promise<InterruptedLogin>
  /**
   * Verifies the code that a user sends with the password to prove their identity. Does nothing if the user has no second
   * factor. Throws `second_factor_required` if the code is missing. Throws `invalid_code` or `rate_limited` if the code is not
   * accepted.
   */
  requireCode(actor: FactorActor, code: string | undefined): Promise<void>
  /**
   * Logs the number of stored passkeys that do not work. If passkeys are on, these are the passkeys for other host names.
   * Otherwise, these are all passkeys. Called when the server has started to listen.
   */
  reportOtherHosts(): Promise<void>
}

export interface TwoFactorOptions {
  readonly context: AccountsContext
  /** The relying party. Undefined if passkeys are off. */
  readonly party: RelyingParty | undefined
  /** The name of the service in authenticator apps. */
  readonly issuer: string
}

/**
 * Loads the prerequisites of passkeys, and composes the second factors. `publicUrl` determines the host name of passkeys, and
 * the name of the service in authenticator apps. Rejects if passkeys are on but their package is not installed.
 */
export const loadTwoFactor = async (
  context: AccountsContext,
  { publicUrl, passkeys }: { readonly publicUrl?: string | undefined; readonly passkeys: boolean }
): Promise<TwoFactor> =>
  createTwoFactor({
    context,
    party: passkeys ? await loadRelyingParty(publicUrl) : undefined,
    issuer: publicUrl === undefined ? 'fastify-chat' : new URL(publicUrl).host
  })

export const createTwoFactor = ({ context, party, issuer }: TwoFactorOptions): TwoFactor => {
  const { database, log } = context
  const logins = createLoginChallenges(context, party?.id)
  const loginCodes = createCodes(context, invalidChallenge)
  const proofCodes = createCodes(context)
  const factors = createFactors({ context, issuer, rpId: party?.id })

  return {
    gate: logins.gate,
    factors,
    passkeys: createPasskeys(context, party),
    passkeyLogin: createPasskeyLogin({ context, party, logins }),
    hasPasskeys: party !== undefined,
    async continueLogin(client, challenge, code) {
      const login = await logins.attempt(challenge)
      await loginCodes.accept({ user: login.user, client }, code, repositories =>
        logins.end(repositories, hashOfChallenge(challenge))
      )
      return login
    },
    async requireCode(actor, code) {
      const summary = await factors.summary(actor.user.id)
      if (!hasFactor(summary)) return
      if (code === undefined) throw secondFactorRequired({ methods: methodsOf(summary) })
      await proofCodes.accept(actor, code)
    },
    async reportOtherHosts() {
      const { passkeys, users } = await database.passkeys.countOthers(party?.id ?? '')
      if (passkeys === 0) return
      const reason = party ? 'they were created for another host name than that of PUBLIC_URL' : 'passkeys are off'
      log.warn({ passkeys, users, host: party?.id }, `stored passkeys do not work, because ${reason}`)
    }
  }
}
