/** Authenticates the users of another issuer, such as a company's identity provider, by the access tokens of that issuer. */
import type { IssuerUser } from '../../db/repositories/identities.ts'
import { whenKnown } from '../../lib/when-known.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext } from '../context.ts'
import { suspended } from '../login.ts'
import type { Identify, Identity } from '../sessions/identify.ts'
import { badToken } from '../tokens/access-tokens.ts'
import type { IssuerClaims } from './claims.ts'
import { type FetchJson, fetchJson } from './fetch-json.ts'
import { createIssuerTokens } from './issuer-tokens.ts'
import { loadJose } from './jose.ts'
import { readKeySet } from './key-set.ts'
import { createKeySource } from './key-source.ts'
import { createIssuerKeys } from './keys.ts'
import { createPeople } from './people.ts'

/** Another issuer whose access tokens are accepted. */
export interface Issuer {
  /** Returns whether the `iss` claim of a token names this issuer. `identify` may be called only for such a token. */
  names(token: string): boolean
  /**
   * Returns the identity of an access token. Creates a user for a new person. Throws `invalid_token`, `token_expired`,
   * `account_suspended`, `account_deleted`, or `unavailable` if the keys of the issuer cannot be fetched.
   */
  readonly identify: Identify
  /** Stops fetching keys. */
  stop(): void
}

export interface IssuerSettings {
  readonly authIssuer?: string | undefined
  readonly authAudience?: string | undefined
  readonly authJwksUrl?: string | undefined
  readonly authNameClaim: string
}

/** Functions that tests replace. */
export interface IssuerFunctions {
  readonly load?: () => Promise<unknown>
  readonly fetchJson?: FetchJson
}

/** Loads the other issuer. Returns undefined if no other issuer is configured. Rejects if jose is not installed. */
export const loadIssuer = async (
  context: AccountsContext,
  settings: IssuerSettings,
  functions: IssuerFunctions = {}
): Promise<Issuer | undefined> => {
  const { authIssuer: issuer, authAudience: audience, authJwksUrl: jwksUrl, authNameClaim: nameClaim } = settings
  if (issuer === undefined) return undefined
  if (audience === undefined) throw new TypeError('`authIssuer` requires `authAudience`.')
  const { clock, log } = context
  const jose = await loadJose(functions.load)
  const fetchKeys = createKeySource({ issuer, jwksUrl, fetchJson: functions.fetchJson ?? fetchJson })
  const keys = createIssuerKeys({ load: async () => readKeySet(jose, await fetchKeys()), clock, log })
  const tokens = createIssuerTokens({ jose, keys, clock, issuer, audience, nameClaim })
  const findUser = createPeople({ context, issuer })

  return {
    names: tokens.names,
    identify: token =>
      whenKnown<IssuerClaims, Identity>(tokens.verify(token), claims =>
        whenKnown<IssuerUser, Identity>(findUser(claims), found => identityOf(found, claims))
      ),
    stop: keys.stop
  }
}

/**
 * Throws if the account of the person was suspended or deleted, or if the token was issued before `tokensFrom`. A person whose
 * account was deleted does not get another account.
 */
const identityOf = (
  { user, tokensFrom }: IssuerUser,
  { issuedAt, authenticatedAt, expiresAt }: IssuerClaims
): Identity => {
  if (user.status === 'suspended') throw suspended()
  if (user.status !== 'active') throw new ChatError('account_deleted', 'Your account was deleted.')
  if (tokensFrom !== null && issuedAt < tokensFrom) throw badToken()
  // Tokens of other issuers contain no generation, so the identity gets the user's current `generation`. When the user gets a
  // higher generation, the sockets of the identity are closed.
  return { user, sessionId: null, generation: user.generation, expiresAt, authenticatedAt }
}
