/** Verifies passkeys for three purposes: as a second factor, for a login without a password, and as a recent proof. */
import type { PasskeyRecord } from '../../db/repositories/passkeys.ts'
import type { UserRecord } from '../../db/repositories/users.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'
import { refuseInactive } from '../login.ts'
import { type ChallengePurpose, createChallenge, hashOfChallenge, invalidChallenge } from './challenge.ts'
import { createFactorChanges, type FactorActor } from './change.ts'
import type { InterruptedLogin, LoginChallenges } from './login-challenge.ts'
import { available, bytesOf, CEREMONY_MS, invalidPasskey, type PasskeyReply, type PasskeyRequest } from './passkeys.ts'
import type { RelyingParty } from './relying-party.ts'

export interface PasskeyLogin {
  /**
   * Starts the second step of a login, or a login without a password if there is no login challenge. Throws `invalid_challenge`
   * or `passkeys_unavailable`.
   */
  startLogin(loginChallenge?: string): Promise<PasskeyRequest>
  /**
   * Returns the user of a verified passkey. `options` contains the options of the first request. It is undefined for a login
   * without a password. Throws `invalid_challenge`, `invalid_passkey` or `passkeys_unavailable`, or the error of
   * `refuseInactive`.
   */
  login(
    client: ClientInfo,
    reply: PasskeyReply
  ): Promise<Pick<InterruptedLogin, 'user'> & Partial<Pick<InterruptedLogin, 'options'>>>
  /** Starts a proof by a user who is logged in. Throws `passkeys_unavailable`. */
  startProof(actor: FactorActor): Promise<PasskeyRequest>
  /**
   * Verifies that a passkey belongs to the user, and returns the user. Throws `invalid_challenge`, `invalid_passkey` or
   * `passkeys_unavailable`.
   */
  prove(actor: FactorActor, reply: PasskeyReply): Promise<UserRecord>
}

export interface PasskeyLoginOptions {
  readonly context: AccountsContext
  readonly party: RelyingParty | undefined
  readonly logins: LoginChallenges
}

/** A request for a passkey. */
interface Requested {
  readonly purpose: ChallengePurpose
  /** The user who must own the passkey. Null if the user is not known until the passkey identifies them. */
  readonly user: { readonly id: number; readonly generation: number } | null
  /** The hash of the login challenge, if the passkey continues a login. */
  readonly loginHash?: string
  /** True if the authenticator must verify the person, for example with a PIN. Required if no password was entered. */
  readonly mustVerify: boolean
}

export const createPasskeyLogin = ({ context, party, logins }: PasskeyLoginOptions): PasskeyLogin => {
  const { database } = context
  const change = createFactorChanges(context, invalidChallenge)

  const start = async ({ purpose, user, loginHash = '', mustVerify }: Requested): Promise<PasskeyRequest> => {
    const { id: rpID, library } = available(party)
    const { challenge, hash } = createChallenge()
    const passkeys = user ? (await database.passkeys.list(user.id)).filter(({ rpId }) => rpId === rpID) : []
    const { id: userId = null, generation = null } = user ?? {}
    await database.challenges.create({ hash, purpose, userId, generation, data: loginHash, lifetimeMs: CEREMONY_MS })
    const options = await library.generateAuthenticationOptions({
      rpID,
      challenge: bytesOf(challenge),
      timeout: CEREMONY_MS,
      allowCredentials: passkeys.map(({ id, transports }) => ({ id, transports: [...transports] })),
      userVerification: mustVerify ? 'required' : 'preferred'
    })
    return { challenge, options }
  }

  const userOf = async (id: number): Promise<UserRecord> => {
    const user = (await database.users.findByIds([id])).get(id)
    if (!user) throw invalidPasskey()
    return user
  }

  /** Deletes the challenge before the verification, so that it cannot be used again if the verification fails. */
  const take = async (challenge: string, purpose: ChallengePurpose) => {
    const taken = await database.challenges.take(hashOfChallenge(challenge), purpose)
    if (!taken) throw invalidChallenge()
    return taken
  }

  /** Returns the passkey of a response, and the data that the authenticator reported. */
  const verify = async (reply: PasskeyReply, userId: number | null, mustVerify: boolean) => {
    const { id: rpId, origin, library } = available(party)
    const passkey = await database.passkeys.find(reply.response.id)
    if (!passkey || passkey.rpId !== rpId || !isOwn(passkey, reply, userId)) throw invalidPasskey()
    const { verified, authenticationInfo } = await library
      .verifyAuthenticationResponse({
        response: reply.response,
        expectedChallenge: reply.challenge,
        expectedOrigin: origin,
        expectedRPID: rpId,
        requireUserVerification: mustVerify,
        // The package would reject a response whose counter has not increased. The value 0 turns this check off, because some
        // authenticators restore their counters from a backup. If the counter has not increased, `use` records an event.
        credential: { id: passkey.id, publicKey: bytesOf(passkey.publicKey), counter: 0 }
      })
      .catch(() => {
        throw invalidPasskey()
      })
    if (!verified) throw invalidPasskey()
    return { passkey, counter: authenticationInfo.newCounter, isBackedUp: authenticationInfo.credentialBackedUp }
  }

  type Verified = Awaited<ReturnType<typeof verify>>

  /**
   * Stores the use of a passkey. `loginHash` is the hash of the login challenge to end, or an empty string if there is no login
   * challenge.
   */
  const use = (actor: FactorActor, { passkey, counter, isBackedUp }: Verified, loginHash = ''): Promise<void> =>
    change(actor, async ({ repositories, record }) => {
      const { id, userId } = passkey
      const before = await repositories.passkeys.use({ id, userId, counter, isBackedUp })
      if (before === undefined) throw invalidPasskey()
      // An authenticator without a counter always reports 0, so two zeros are no decrease.
      if (counter <= before && (counter > 0 || before > 0))
        await record('passkey_counter_decreased', { before, counter })
      if (loginHash !== '') await logins.end(repositories, loginHash)
    })

  return {
    async startLogin(loginChallenge) {
      if (loginChallenge === undefined) return start({ purpose: 'passkey_login', user: null, mustVerify: true })
      const { user } = await logins.find(loginChallenge)
      return start({ purpose: 'passkey_login', user, loginHash: hashOfChallenge(loginChallenge), mustVerify: false })
    },
    async login(client, reply) {
      const { userId, data } = await take(reply.challenge, 'passkey_login')
      const interrupted = data ? await logins.findByHash(data) : undefined
      const verified = await verify(reply, userId, userId === null)
      const user = interrupted?.user ?? (await userOf(verified.passkey.userId))
      await refuseInactive(user, { client, options: {} })
      await use({ user, client }, verified, data ?? '')
      return { user, ...(interrupted ? { options: interrupted.options } : {}) }
    },
    startProof: ({ user }) => start({ purpose: 'passkey_proof', user, mustVerify: true }),
    async prove(actor, reply) {
      const { userId, generation } = await take(reply.challenge, 'passkey_proof')
      if (userId !== actor.user.id || generation !== actor.user.generation) throw invalidChallenge()
      await use(actor, await verify(reply, userId, true))
      return userOf(userId)
    }
  }
}

/**
 * Returns whether a passkey belongs to the expected user. If no user is expected, the authenticator must have returned the user
 * handle that was stored when the passkey was created.
 */
const isOwn = ({ userId, handle }: PasskeyRecord, { response }: PasskeyReply, expected: number | null): boolean => {
  const { userHandle } = response.response
  if (expected === null) return userHandle === handle
  return userId === expected && (!userHandle || userHandle === handle)
}
