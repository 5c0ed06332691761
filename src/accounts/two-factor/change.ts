/**
 * Changes second factors. One transaction locks the user, changes the rows, records the change, and stores a mail to the owner.
 */
import type { Repositories } from '../../db/database.ts'
import type { CheckedUser } from '../../db/repositories/users.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AuditEventName } from '../audit-events.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'

/** The user whose second factor a request changes or uses. */
export interface FactorActor {
  readonly user: CheckedUser & { readonly username: string }
  readonly client: ClientInfo
}

type Detail = Readonly<Record<string, string | number>>

/** The repositories and functions that a change may use. Everything that they write belongs to the transaction of the change. */
export interface FactorChange {
  readonly repositories: Repositories
  /** Records an event in the audit log. */
  record(event: AuditEventName, detail?: Detail): Promise<void>
  /** Records an event, and mails a notification of the event to the owner. */
  report(
    event: 'factor_added' | 'factor_removed' | 'recovery_codes_created' | 'recovery_code_used',
    detail?: Detail
  ): Promise<void>
}

/**
 * Returns a function that runs a change in a transaction that has locked the user's row. If the user was changed since the
 * request was authenticated, throws the error of `onStale` and changes nothing.
 */
export const createFactorChanges =
  ({ database, mail }: Pick<AccountsContext, 'database' | 'mail'>, onStale: () => ChatError = sessionEnded) =>
  <T>({ user, client }: FactorActor, work: (change: FactorChange) => Promise<T>): Promise<T> =>
    database.transaction(async repositories => {
      if (!(await repositories.users.lockActive(user))) throw onStale()
      const record: FactorChange['record'] = (event, detail) =>
        repositories.audit.record({
          event,
          userId: user.id,
          sessionId: user.sessionId ?? undefined,
          address: client.address,
          agent: client.agent,
          detail
        })
      return work({
        repositories,
        record,
        async report(event, detail = {}) {
          await record(event, detail)
          const params = Object.fromEntries(Object.entries(detail).map(([name, value]) => [name, String(value)]))
          await mail.enqueue(repositories, { kind: event, userId: user.id, params })
        }
      })
    })

const sessionEnded = (): ChatError => new ChatError('invalid_token', 'Your session has ended. Log in again.')
