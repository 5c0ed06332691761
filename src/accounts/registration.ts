/** Registers users with a password. The mode determines who can register. */
import type { UserRecord } from '../db/repositories/users.ts'
import { ChatError } from '../protocol/errors.ts'
import type { AccountsContext, ClientInfo } from './context.ts'
import type { Emails } from './emails/emails.ts'
import { createUnlessHeld, hashOfName } from './held-names.ts'
import { hashToken } from './mail/token.ts'
import type { PasswordPolicy } from './passwords/policy.ts'
import type { Passwords } from './passwords.ts'
import { isReservedName } from './reserved-names.ts'

/** The mode of registration: everyone (`open`), only people with an invitation (`invite`), or nobody (`closed`) can register. */
export type RegistrationMode = 'open' | 'invite' | 'closed'

/** The optional data of a registration, in addition to a username and a password. */
export interface RegistrationDetails {
  readonly email?: string | undefined
  /** The token of an invitation. Ignored if everyone can register. */
  readonly invitation?: string | undefined
  readonly client?: ClientInfo
}

/**
 * Creates a user. Mails a link to `details.email`, if given. Throws `registration_closed`, `invitation_required`,
 * `invalid_invitation`, `username_taken`, `username_reserved`, `password_too_common`, `validation_failed` for an invalid
 * address, or `busy` if too many hashes are queued.
 */
export type Register = (username: string, password: string, details?: RegistrationDetails) => Promise<UserRecord>

export interface RegistrationOptions {
  readonly context: AccountsContext
  readonly passwords: Passwords
  readonly emails: Emails
  readonly policy?: PasswordPolicy | undefined
  readonly mode: RegistrationMode
}

const UNKNOWN: ClientInfo = { address: 'unknown', agent: undefined }

export const createRegister = ({ context, passwords, emails, policy, mode }: RegistrationOptions): Register => {
  const { database } = context

  /**
   * Returns the hash of the invitation, or undefined if everyone can register. Called before all other checks. Otherwise, a
   * person without an invitation could find out which names are taken, or make the service hash a password.
   */
  const invited = async (invitation: string | undefined): Promise<string | undefined> => {
    if (mode === 'open') return undefined
    if (mode === 'closed') throw registrationClosed()
    if (invitation === undefined) {
      throw new ChatError(
        'invitation_required',
        'Only invited people can register. Ask an administrator to invite you.'
      )
    }
    const hash = hashToken(invitation)
    if (!(await database.invitations.isValid(hash))) throw invalidInvitation()
    return hash
  }

  return async (username, password, { email, invitation, client = UNKNOWN } = {}) => {
    const invitationHash = await invited(invitation)
    if (isReservedName(username)) throw reservedName(username)
    policy?.check(password, username)
    const prepared = email === undefined ? undefined : await emails.prepare(email)
    const hashedPassword = await passwords.hash(password)
    const nameHash = await hashOfName(context, username)
    return database.transaction(async repositories => {
      // Uses up the invitation in this transaction. If the name is taken, the transaction is rolled back, and the invitation
      // stays unused.
      if (invitationHash && !(await repositories.invitations.take(invitationHash))) throw invalidInvitation()
      const user = await createUnlessHeld(repositories, { username, hashedPassword }, nameHash)
      if (prepared) await emails.store(repositories, user, prepared, client)
      if (invitationHash) await repositories.audit.record({ event: 'invitation_used', userId: user.id, ...client })
      return user
    })
  }
}

/** Returns the error for a registration when nobody can register. */
export const registrationClosed = (): ChatError =>
  new ChatError('registration_closed', 'Nobody can register here. Ask an administrator for an account.')

const invalidInvitation = (): ChatError =>
  new ChatError('invalid_invitation', 'The invitation was used, has expired, or does not exist. Ask for another one.')

const reservedName = (username: string): ChatError =>
  new ChatError('username_reserved', `The username "${username}" is reserved. Choose another one.`)
