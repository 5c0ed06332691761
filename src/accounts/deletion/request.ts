/** Ends accounts. The rest of a deletion is a job, see job.ts. */
import { ChatError } from '../../protocol/errors.ts'
import { type Actor, recordFor, refusal, sessionOf } from '../admin/actor.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'

export interface DeletionRequest {
  /** Whether the messages of the user are erased too. The default is the setting `onDelete`, which a request cannot weaken. */
  readonly erase?: boolean | undefined
  /** Who deletes the account of somebody else. Absent if users delete their own. */
  readonly actor?: Actor | undefined
  /** The client of a user who deletes the own account. */
  readonly client?: ClientInfo | undefined
}

/**
 * Ends an account: its login, sessions and sockets end with the transaction. Throws `last_admin`, `user_not_found`, or
 * `not_allowed` if the actor is no administrator anymore.
 */
export type RequestDeletion = (userId: number, request?: DeletionRequest) => Promise<void>

export interface DeletionRequestOptions {
  readonly context: Pick<AccountsContext, 'database' | 'mail'> & {
    /** Decrypts the address of the mail. The command line may have no key if the service sends no mail. */
    readonly keyring?: AccountsContext['keyring'] | undefined
  }
  /** Whether the messages of every deleted user are erased. */
  readonly erasesByDefault: boolean
  /** Called after the commit. */
  readonly onRequested?: () => void
}

export const createRequestDeletion = ({
  context: { database, keyring, mail },
  erasesByDefault,
  onRequested = () => {}
}: DeletionRequestOptions): RequestDeletion => {
  /** Returns the verified address of a user. It is part of the mail, because the job deletes it before the mail is sent. */
  const addressOf = async (userId: number): Promise<string | undefined> => {
    if (!mail.isConfigured || !keyring) return undefined
    const verified = (await database.emails.listOf(userId)).find(({ state }) => state === 'verified')
    return verified && keyring.decrypt(verified.address, verified.keyId)
  }

  return async (userId, { erase = false, actor, client } = {}) => {
    const detail = { erase: erase || erasesByDefault }
    const address = await addressOf(userId)
    await database.transaction(async repositories => {
      const begun = await repositories.deletions.begin(userId, detail.erase)
      // Checked after `begin`, which locks administrators in the order of their ids.
      const isAllowed = actor === undefined || (await repositories.administration.isAllowed(sessionOf(actor)))
      if (!begun || !isAllowed) throw await refusal(repositories, actor ?? 'operator')
      if (begun === 'last_admin') throw lastAdmin()
      const event = 'account_deletion_requested'
      if (actor) await recordFor(repositories, actor, userId, { event, detail })
      else await repositories.audit.record({ event, userId, ...client, detail })
      if (address === undefined) return
      const params = { address, username: begun.username }
      await mail.enqueue(repositories, { kind: 'account_deleted', userId: null, params })
    })
    onRequested()
  }
}

const lastAdmin = (): ChatError =>
  new ChatError('last_admin', 'This account is the only administrator. Promote another user first.')
