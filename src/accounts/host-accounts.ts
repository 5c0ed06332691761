/** Suspends, restores, deletes and exports users for a host application. The host identifies a user by `PublicUser.id`. */
import type { UserRecord } from '../db/repositories/users.ts'
import { ChatError } from '../protocol/errors.ts'
import { recordFor } from './admin/actor.ts'
import { createAdministration } from './admin/administration.ts'
import type { AccountsContext } from './context.ts'
import type { RequestDeletion } from './deletion/request.ts'
import type { Exports } from './export/export.ts'
import type { ExportRecord } from './export/records.ts'

/** If the chat has no user with the id, or if the account was deleted, `suspend`, `restore` and `delete` resolve with false. */
export interface HostAccounts {
  /** Returns the user with this id, also if the account was deleted. */
  find(id: string): Promise<UserRecord | undefined>
  /**
   * Suspends a user and ends every session and socket of the user. Until `restore` is called, requests are rejected with
   * `account_suspended`.
   */
  suspend(id: string): Promise<boolean>
  restore(id: string): Promise<boolean>
  delete(id: string, erase: boolean | undefined): Promise<boolean>
  /** Returns all records of a user. Throws `user_not_found` when the first record is requested. */
  export(id: string): AsyncGenerator<ExportRecord>
}

export interface HostAccountsOptions {
  readonly context: Pick<AccountsContext, 'database' | 'mail'>
  /** True if the service has accounts of its own. In this case, an id may also be the numeric id of such an account. */
  readonly hasOwnAccounts: boolean
  readonly requestDeletion: RequestDeletion
  readonly exports: Pick<Exports, 'records'>
}

export const createHostAccounts = (options: HostAccountsOptions): HostAccounts => {
  const { context, hasOwnAccounts, requestDeletion, exports } = options
  const { database } = context
  const administration = createAdministration(context)

  const find = async (id: string): Promise<UserRecord | undefined> => {
    const user = await database.users.findByExternalId(id)
    if (user || !hasOwnAccounts || !/^\d{1,9}$/.test(id)) return user
    const own = (await database.users.findByIds([Number(id)])).get(Number(id))
    return own?.externalId === null ? own : undefined
  }

  const setStatus = async (id: string, status: 'active' | 'suspended'): Promise<boolean> => {
    const user = await find(id)
    if (!user || user.status === 'deleting' || user.status === 'deleted') return false
    if (user.externalId === null) await administration.change('operator', user.id, { status })
    else {
      await database.transaction(async repositories => {
        if (!(await repositories.users.changeStatus(user.id, status))) return
        const event = status === 'suspended' ? 'user_suspended' : 'user_restored'
        await recordFor(repositories, 'operator', user.id, { event })
      })
    }
    return true
  }

  return {
    find,
    suspend: id => setStatus(id, 'suspended'),
    restore: id => setStatus(id, 'active'),
    async delete(id, erase) {
      const user = await find(id)
      if (!user || user.status === 'deleting' || user.status === 'deleted') return false
      await requestDeletion(user.id, { erase, by: 'operator' })
      return true
    },
    async *export(id) {
      const user = await find(id)
      if (!user) throw new ChatError('user_not_found', 'Nobody with this id has used the chat.')
      yield* exports.records(user.id)
    }
  }
}
