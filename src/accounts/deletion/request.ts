/** Ends accounts immediately. The deletion job (job.ts) performs the rest of the deletion. */

import type { Repositories } from '../../db/database.ts'
import type { CheckedUser } from '../../db/repositories/users.ts'
import { ChatError } from '../../protocol/errors.ts'
import { type AdminOrOperator, lockFor, noSuchUser, notAdmin, recordFor, sessionOf } from '../admin/actor.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'
import { badToken } from '../tokens/access-tokens.ts'

export interface DeletionRequest {
  /** True if the messages of the user are also erased. If the setting `onDelete` requires the erasure, false has no effect. */
  readonly erase?: boolean | undefined
  /** The user, the administrator or the operator who deletes the account. */
  readonly by: Owner | AdminOrOperator
}

/** The user who deletes their own account. */
export interface Owner extends CheckedUser {
  readonly client: ClientInfo
}

/**
 * Ends an account. Its login, sessions and sockets end with the transaction. Throws `last_admin` or `user_not_found`. Throws
 * `not_allowed` if the actor is no longer an administrator. Throws `invalid_token` if the session of the owner has ended.
 */
export type RequestDeletion = (userId: number, request: DeletionRequest) => Promise<void>

export interface DeletionRequestOptions {
  readonly context: Pick<AccountsContext, 'database' | 'mail'> & {
    /** Decrypts the address to which the confirmation of the deletion is mailed. If absent, no mail is sent. */
    readonly keyring?: AccountsContext['keyring'] | undefined
  }
  /** True if the messages of every deleted user are erased. */
  readonly erasesByDefault: boolean
  /** Called after the end of the account was committed. */
  readonly onRequested?: () => void
}

export const createRequestDeletion = ({
  context: { database, keyring, mail },
  erasesByDefault,
  onRequested = () => {}
}: DeletionRequestOptions): RequestDeletion => {
  /**
   * Returns the verified address of a user. The address is stored with the mail, because the job may delete it from the account
   * before the mail is sent. Returns undefined if there is no verified address, or if no mail can be sent.
   */
  const addressOf = async (userId: number): Promise<string | undefined> => {
    if (!mail.isConfigured || !keyring) return undefined
    const verified = (await database.emails.listOf(userId)).find(({ state }) => state === 'verified')
    return verified && keyring.decrypt(verified.address, verified.keyId)
  }

  return async (userId, { erase = false, by }) => {
    const detail = { erase: erase || erasesByDefault }
    const address = await addressOf(userId)
    await database.transaction(async repositories => {
      await check(repositories, userId, by)
      const begun = await repositories.deletions.begin(userId, detail.erase)
      if (!begun) throw noSuchUser()
      if (begun === 'last_admin') throw lastAdmin()
      const event = 'account_deletion_requested'
      if (isOwner(by)) await repositories.audit.record({ event, userId, ...by.client, detail })
      else await recordFor(repositories, by, userId, { event, detail })
      if (address === undefined) return
      const params = { address, username: begun.username }
      await mail.enqueue(repositories, { kind: 'account_deleted', userId: null, params })
    })
    onRequested()
  }
}

const isOwner = (by: Owner | AdminOrOperator): by is Owner => typeof by === 'object' && 'id' in by

/**
 * Throws if the account may not be deleted. Locks administrators before any other user. Every write by an administrator uses
 * this order, to prevent deadlocks.
 */
const check = async (
  { administration, users }: Pick<Repositories, 'administration' | 'users'>,
  userId: number,
  by: Owner | AdminOrOperator
): Promise<void> => {
  if (isOwner(by)) {
    if ((await users.findByIds([userId])).get(userId)?.role === 'admin') await administration.lockAdmins()
    if (!(await users.lockActive(by))) throw badToken()
    return
  }
  await lockFor({ administration }, by)
  if (!(await administration.isAllowed(sessionOf(by)))) throw notAdmin()
}

const lastAdmin = (): ChatError =>
  new ChatError('last_admin', 'This account is the only administrator. Promote another user first.')
