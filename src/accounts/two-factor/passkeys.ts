/** Adds and removes passkeys (WebAuthn). */
import { createHash, randomBytes } from 'node:crypto'
import type { PasskeyRecord } from '../../db/repositories/passkeys.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext } from '../context.ts'
import { createChallenge, hashOfChallenge, invalidChallenge } from './challenge.ts'
import { createFactorChanges, type FactorActor } from './change.ts'
import { forgetUselessCodes, replaceRecoveryCodes } from './factors.ts'
import { hasFactor } from './login-challenge.ts'
import type { PasskeyResponse, RelyingParty } from './relying-party.ts'

/** Time in milliseconds that a person has to complete the dialog of the browser. */
export const CEREMONY_MS = 5 * 60 * 1000
const MAX_PASSKEYS = 20
const PURPOSE = 'passkey_add'

/**
 * The data that a page passes to the browser. `options` is the JSON form of WebAuthn's options, which also contains the
 * challenge.
 */
export interface PasskeyRequest {
  readonly challenge: string
  readonly options: object
}

/** The data that a page received from the browser. */
export interface PasskeyReply {
  readonly challenge: string
  readonly response: PasskeyResponse
}

export interface AddedPasskey extends Pick<PasskeyRecord, 'name' | 'createdAt'> {
  readonly publicId: string
  /** The first recovery codes of a user who had no second factor before this passkey. */
  readonly recoveryCodes?: readonly string[]
}

export interface ListedPasskey extends PasskeyRecord {
  readonly publicId: string
  /** False if the passkey was created for another host name, or if passkeys are off. */
  readonly isUsable: boolean
}

/** The methods with an `actor` throw `invalid_token` if the user was changed since the request was authenticated. */
export interface Passkeys {
  /** Returns all passkeys of a user, including those for another host name. */
  list(userId: number): Promise<ListedPasskey[]>
  /** Starts to add a passkey. Throws `too_many_passkeys` or `passkeys_unavailable`. */
  startAdding(actor: FactorActor): Promise<PasskeyRequest>
  /** Adds a passkey. Throws `invalid_challenge`, `invalid_passkey`, `too_many_passkeys` or `passkeys_unavailable`. */
  add(actor: FactorActor, reply: PasskeyReply & { readonly name: string }): Promise<AddedPasskey>
  /** Removes a passkey. Throws `passkey_not_found`. */
  remove(actor: FactorActor, publicId: string): Promise<void>
}

export const createPasskeys = (context: AccountsContext, party: RelyingParty | undefined): Passkeys => {
  const { database } = context
  const change = createFactorChanges(context)

  /** Verifies a new passkey. Returns its public key, and whether it is backed up. */
  const verified = async (reply: PasskeyReply) => {
    const { id, origin, library } = available(party)
    const { verified: isVerified, registrationInfo } = await library
      .verifyRegistrationResponse({
        response: reply.response,
        expectedChallenge: reply.challenge,
        expectedOrigin: origin,
        expectedRPID: id,
        // A passkey that does not verify its user can be a second factor, but it cannot be used for a login without a password.
        requireUserVerification: false
      })
      .catch(() => {
        throw invalidPasskey()
      })
    if (!isVerified || !registrationInfo) throw invalidPasskey()
    return registrationInfo
  }

  return {
    async list(userId) {
      const passkeys = await database.passkeys.list(userId)
      return passkeys.map(one => ({ ...one, publicId: publicIdOf(one.id), isUsable: one.rpId === party?.id }))
    },
    async startAdding(actor) {
      const { id: rpId, library } = available(party)
      const { user } = actor
      const { challenge, hash } = createChallenge()
      const { handle, existing } = await change(actor, async ({ repositories }) => {
        const existing = await repositories.passkeys.list(user.id)
        if (existing.length >= MAX_PASSKEYS) throw tooMany()
        await repositories.challenges.create({
          hash,
          purpose: PURPOSE,
          userId: user.id,
          generation: user.generation,
          data: null,
          lifetimeMs: CEREMONY_MS
        })
        return {
          existing,
          handle: await repositories.passkeys.handleOf(user.id, randomBytes(32).toString('base64url'))
        }
      })
      const options = await library.generateRegistrationOptions({
        rpName: rpId,
        rpID: rpId,
        userName: user.username,
        userDisplayName: user.username,
        userID: bytesOf(handle),
        challenge: bytesOf(challenge),
        timeout: CEREMONY_MS,
        attestationType: 'none',
        excludeCredentials: existing
          .filter(passkey => passkey.rpId === rpId)
          .map(({ id, transports }) => ({ id, transports: [...transports] })),
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' }
      })
      return { challenge, options }
    },
    async add(actor, reply) {
      const { user } = actor
      // The challenge is deleted before the response is verified, so that it cannot be used again if the verification fails.
      const taken = await database.challenges.take(hashOfChallenge(reply.challenge), PURPOSE)
      if (taken?.userId !== user.id || taken.generation !== user.generation) throw invalidChallenge()
      const { credential, credentialBackedUp } = await verified(reply)
      const { name } = reply
      return change(actor, async changing => {
        const { factors, passkeys } = changing.repositories
        const before = await factors.summary(user.id, undefined)
        if (before.allPasskeys >= MAX_PASSKEYS) throw tooMany()
        const createdAt = await passkeys.add({
          id: credential.id,
          userId: user.id,
          publicKey: Buffer.from(credential.publicKey).toString('base64url'),
          counter: credential.counter,
          rpId: available(party).id,
          transports: transportsOf(reply.response),
          name,
          isBackedUp: credentialBackedUp
        })
        if (createdAt === undefined) throw new ChatError('invalid_passkey', 'This passkey has been added already.')
        await changing.report('factor_added', { factor: 'passkey' })
        const added = { publicId: publicIdOf(credential.id), name, createdAt }
        return hasFactor(before) ? added : { ...added, recoveryCodes: await replaceRecoveryCodes(changing, user.id) }
      })
    },
    remove: (actor, publicId) =>
      change(actor, async changing => {
        const { passkeys } = changing.repositories
        const passkey = (await passkeys.list(actor.user.id)).find(({ id }) => publicIdOf(id) === publicId)
        if (!passkey || !(await passkeys.remove(actor.user.id, passkey.id))) {
          throw new ChatError('passkey_not_found', 'You have no such passkey. It may have been removed already.')
        }
        await changing.report('factor_removed', { factor: 'passkey' })
        await forgetUselessCodes(changing, actor.user.id)
      })
  }
}

/**
 * Returns the id of a passkey in the API. The id of the credential is not used, because it has up to 1,023 bytes, which is too
 * long for a path.
 */
export const publicIdOf = (credentialId: string): string =>
  createHash('sha256').update(credentialId).digest('base64url').slice(0, 22)

/** Returns the relying party. Throws `passkeys_unavailable` if passkeys are off. */
export const available = (party: RelyingParty | undefined): RelyingParty => {
  if (party) return party
  throw new ChatError(
    'passkeys_unavailable',
    'Passkeys are turned off on this service. Use your password or another method.'
  )
}

/** Returns the error for a response that cannot be verified. The error does not reveal the reason. */
export const invalidPasskey = (): ChatError =>
  new ChatError('invalid_passkey', 'The passkey could not be verified. Try again, or use another method.')

const tooMany = (): ChatError =>
  new ChatError('too_many_passkeys', `You have ${MAX_PASSKEYS} passkeys, which is the maximum. Remove one first.`)

export const bytesOf = (base64url: string): Uint8Array => new Uint8Array(Buffer.from(base64url, 'base64url'))

const MAX_TRANSPORTS = 8

/** Returns how the browser can reach the authenticator. The browser uses this only as a hint. */
const transportsOf = ({ response }: PasskeyResponse): string[] => {
  const { transports } = response
  if (!Array.isArray(transports)) return []
  return transports.filter(one => typeof one === 'string' && /^[a-z-]{1,32}$/.test(one)).slice(0, MAX_TRANSPORTS)
}
