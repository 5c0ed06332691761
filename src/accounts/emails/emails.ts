/**
 * Manages the e-mail addresses of users. A user enters an address, confirms it with a mailed link, and may change or remove it.
 */
import type { Repositories } from '../../db/database.ts'
import type { EmailRecord, NewEmail } from '../../db/repositories/emails.ts'
import type { CheckedUser } from '../../db/repositories/users.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'
import { hashToken, redeemToken } from '../mail/token.ts'
import { type NormalizedAddress, normalizeAddress } from './address.ts'
import { badChallenge, createVerificationGate, type VerificationGate } from './gate.ts'

/** The user whose address changes. `generation` is the user's `UserRecord.generation` when the request was authenticated. */
export type EmailOwner = CheckedUser

/** An encrypted address, ready to be stored. */
export type PreparedEmail = Omit<NewEmail, 'userId'>

/** The addresses of a user. */
export interface EmailStatus {
  /** The verified address. If the user has none, the pending address. */
  readonly email: string | undefined
  readonly isVerified: boolean
  /** A new address that the user has not confirmed. After the confirmation, this address replaces the verified address. */
  readonly pendingEmail: string | undefined
}

export interface Emails {
  /** False if the service sends no mail. In this case, users cannot enter addresses. */
  readonly isConfigured: boolean
  /** The gate of the login. The gate accepts every user if no address is required. */
  readonly gate: VerificationGate
  /**
   * Stores an address, and mails a link to it. If another user has verified the address, notifies that user instead. The caller
   * cannot observe the difference. Throws `validation_failed`, or `invalid_token` if the user was changed since the request was
   * authenticated.
   */
  enter(user: EmailOwner, address: string, client: ClientInfo): Promise<void>
  /**
   * Encrypts an address for `store`. Must not be awaited inside a transaction (see `LookupKeys`). Throws `validation_failed`.
   */
  prepare(address: string): Promise<PreparedEmail>
  /** Like `enter`, inside an open transaction that has created the user or has locked the user's row. */
  store(repositories: Repositories, user: EmailOwner, email: PreparedEmail, client: ClientInfo): Promise<void>
  /**
   * Removes the addresses of a user, and mails a notification to the verified address. Throws `not_allowed` if users must have
   * an address, and `invalid_token` in the same case as `enter`.
   */
  remove(user: EmailOwner, client: ClientInfo): Promise<void>
  /** Confirms the address to which a link was sent. Throws `link_expired`. */
  verify(token: string, client: ClientInfo): Promise<void>
  /**
   * Mails another link to a user whose login the gate rejected. Sends the link to `address`, or to the pending address if
   * `address` is undefined. Throws `invalid_challenge` or `validation_failed`, or `invalid_token` if the user was changed since
   * the login.
   */
  resend(challenge: string, address: string | undefined, client: ClientInfo): Promise<void>
  describe(userId: number): Promise<EmailStatus>
}

export interface EmailsOptions {
  readonly context: AccountsContext
  /** True if users must verify an address before they can log in. */
  readonly isRequired: boolean
}

/** Maximum number of mails that one challenge can request. */
const MAX_RESENDS = 10

export const createEmails = ({ context, isRequired }: EmailsOptions): Emails => {
  const { database, keyring, lookupKeys, mail } = context

  const decrypted = ({ address, keyId }: Pick<EmailRecord, 'address' | 'keyId'>): string => {
    const text = keyring.decrypt(address, keyId)
    if (text === undefined)
      throw new Error('An address cannot be decrypted. Add the key that encrypted it to ENCRYPTION_KEY_PREVIOUS.')
    return text
  }

  /**
   * Mails a link to the pending address of a user. If another user has verified that address, notifies the other user instead.
   */
  const sendLink = async (repositories: Repositories, userId: number, addressHash: string): Promise<void> => {
    const owner = await repositories.emails.findVerified(addressHash)
    // Both branches count against the same limits and take the same time. Otherwise, a limit or the response time would reveal
    // whether the address is taken. The limit per address also holds when many accounts enter the same address.
    const countedFor = [`verify_email:${userId}`, `address:${addressHash}`]
    await (owner
      ? mail.enqueue(repositories, { kind: 'email_taken', userId: owner.userId, params: {}, countedFor })
      : mail.enqueue(repositories, { kind: 'verify_email', userId, params: { addressHash }, countedFor }))
  }

  const prepare: Emails['prepare'] = async text => {
    if (!mail.isConfigured) throw invalidAddress('cannot be stored, because this service sends no mail')
    const { address, key } = normalized(text)
    const { token, keyId } = keyring.encrypt(address)
    return { address: token, keyId, addressHash: await lookupKeys.hash('emails', key) }
  }

  const store: Emails['store'] = async (repositories, { id: userId }, email, client) => {
    const emails = await repositories.emails.listOf(userId)
    const pending = emails.find(one => !isVerified(one))
    // If the user enters the same address again, earlier links stay valid, because a limit may prevent the mail with a new
    // link.
    if (pending?.addressHash !== email.addressHash) await repositories.oneTimeTokens.removeOf(userId, 'verify_email')
    const verified = emails.find(isVerified)
    if (verified?.addressHash === email.addressHash) return repositories.emails.removePending(userId)
    await repositories.emails.setPending({ userId, ...email })
    await sendLink(repositories, userId, email.addressHash)
    await repositories.audit.record({ event: 'email_entered', userId, ...client })
  }

  return {
    isConfigured: mail.isConfigured,
    gate: createVerificationGate({ database, isRequired }),
    async enter(user, text, client) {
      const email = await prepare(text)
      await database.transaction(async repositories => {
        await lock(repositories, user)
        await store(repositories, user, email, client)
      })
    },
    prepare,
    store,
    async remove(user, client) {
      if (isRequired) {
        throw new ChatError('not_allowed', 'This service requires an e-mail address. Enter another one instead.')
      }
      await database.transaction(async repositories => {
        await lock(repositories, user)
        const verified = (await repositories.emails.listOf(user.id)).find(isVerified)
        await repositories.emails.removeOf(user.id)
        await repositories.oneTimeTokens.removeOf(user.id)
        if (verified) {
          const params = { address: decrypted(verified) }
          await mail.enqueue(repositories, { kind: 'email_removed', userId: user.id, params })
        }
        await repositories.audit.record({ event: 'email_removed', userId: user.id, ...client })
      })
    },
    async verify(token, client) {
      const work = database.transaction(async repositories => {
        const redeemed = await redeemToken(repositories, token, 'verify_email')
        if (!redeemed?.addressHash) throw linkExpired()
        const { userId, addressHash } = redeemed
        const before = (await repositories.emails.listOf(userId)).find(isVerified)
        // `emails.verify` may already have removed the former address. The error rolls the transaction back, so that the user
        // keeps the former address.
        if (!(await repositories.emails.verify(userId, addressHash))) throw linkExpired()
        // Without a purpose, `removeOf` also removes links for a new password, which were sent to the former address.
        await repositories.oneTimeTokens.removeOf(userId)
        if (before) {
          await mail.enqueue(repositories, { kind: 'email_changed', userId, params: { address: decrypted(before) } })
        }
        await repositories.audit.record({ event: 'email_verified', userId, ...client })
      })
      await work.catch(error => {
        throw Object(error).code === UNIQUE_VIOLATION ? linkExpired() : error
      })
    },
    async resend(challenge, address, client) {
      const found = await database.challenges.attempt(hashToken(challenge), 'verify_email', MAX_RESENDS)
      if (!found || found.userId === null || found.generation === null) throw badChallenge()
      const user = { id: found.userId, generation: found.generation }
      const email = address === undefined ? undefined : await prepare(address)
      await database.transaction(async repositories => {
        await lock(repositories, user)
        const emails = await repositories.emails.listOf(user.id)
        // The challenge is only for users without a verified address. A user with a verified address must log in to change the
        // address.
        if (emails.some(isVerified)) throw badChallenge()
        if (email) return store(repositories, user, email, client)
        const pending = emails.find(one => !isVerified(one))
        if (!pending) throw invalidAddress('is missing, because your account has no address')
        await sendLink(repositories, user.id, pending.addressHash)
      })
    },
    async describe(userId) {
      const emails = await database.emails.listOf(userId)
      const addressOf = (isWanted: (email: EmailRecord) => boolean): string | undefined => {
        const email = emails.find(isWanted)
        return email && decrypted(email)
      }
      const verified = addressOf(isVerified)
      const pending = addressOf(email => !isVerified(email))
      if (verified === undefined) return { email: pending, isVerified: false, pendingEmail: undefined }
      return { email: verified, isVerified: true, pendingEmail: pending }
    }
  }
}

const isVerified = ({ state }: EmailRecord): boolean => state === 'verified'

/** Locks the user's row until the end of the transaction, so that no other transaction changes the account during that time. */
const lock = async (repositories: Repositories, user: EmailOwner): Promise<void> => {
  if (await repositories.users.lockActive(user)) return
  throw new ChatError('invalid_token', 'Your account was changed during this request. Log in again.')
}

const normalized = (text: string): NormalizedAddress => {
  const address = normalizeAddress(text)
  if (!address) throw invalidAddress('must be an e-mail address such as john@example.com')
  return address
}

const invalidAddress = (message: string): ChatError =>
  new ChatError('validation_failed', `The request is not valid. The e-mail address ${message}.`, {
    errors: [{ path: '/body/email', message }]
  })

/** SQLSTATE `unique_violation`: another user verified the same address at the same time. */
const UNIQUE_VIOLATION = '23505'

const linkExpired = (): ChatError =>
  new ChatError('link_expired', 'The link is no longer valid. Enter the address again for a new one.')
