/**
 * Applies changes of users in the database to the connections of these users. A deleted user is disconnected and removed from
 * presence. A renamed user stays connected under the new name.
 */

import type { Changes } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import { CLOSE } from '../../protocol/close-codes.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { ConnectionRegistry } from '../connections/registry.ts'
import type { SubscriptionManager } from '../subscriptions/manager.ts'
import type { Principal } from './authorize.ts'

export interface CurrentUsersOptions {
  readonly registry: ConnectionRegistry
  readonly subscriptionManager: SubscriptionManager
  readonly clock: Clock
  /** Returns the names of the given users, keyed by user id. Omits users that don't exist. */
  readonly usernames: (ids: readonly number[]) => Promise<ReadonlyMap<number, string>>
}

type UserChanges = Pick<Changes, 'deletedUsers' | 'renamedUsers'>

export interface CurrentUsers {
  /** Applies changes to connections and presence, and remembers the changes for a while. */
  apply(changes: UserChanges): void
  /** Looks up all connected users and applies what has changed. Called when changes may have been missed. */
  refresh(): Promise<void>
  /**
   * Returns the principal with the user's current name, because the user may have been renamed after the principal was looked
   * up.
   */
  named<A extends Principal>(principal: A): A
  /** Like `named`, for the author of an entry. Throws `unavailable` if the user was deleted recently. */
  author<A extends Principal>(principal: A): A
  /** Returns whether the user was deleted recently. */
  isDeleted(userId: number): boolean
  close(): void
}

/**
 * Minimum time in milliseconds for which a change is remembered. A request or an upgrade that looked up the user before the
 * change usually ends within this time.
 */
const REMEMBER_MS = 30_000

export const createCurrentUsers = ({
  registry,
  subscriptionManager,
  clock,
  usernames
}: CurrentUsersOptions): CurrentUsers => {
  let deleted = new Set<number>()
  let deletedBefore = new Set<number>()
  let renamed = new Map<number, string>()
  let renamedBefore = new Map<number, string>()

  const stop = clock.every(REMEMBER_MS, () => {
    ;[deletedBefore, renamedBefore] = [deleted, renamed]
    ;[deleted, renamed] = [new Set(), new Map()]
  })

  const named: CurrentUsers['named'] = principal => {
    const username = renamed.get(principal.userId) ?? renamedBefore.get(principal.userId)
    return username === undefined || username === principal.username ? principal : { ...principal, username }
  }

  const isDeleted = (userId: number): boolean => deleted.has(userId) || deletedBefore.has(userId)

  const apply: CurrentUsers['apply'] = ({ deletedUsers, renamedUsers }) => {
    if (deletedUsers.length === 0 && renamedUsers.length === 0) return
    const deletedNow = new Set(deletedUsers)
    const names = new Map(renamedUsers.map(({ id, username }) => [id, username]))
    for (const id of deletedNow) deleted.add(id)
    for (const [id, username] of names) renamed.set(id, username)
    for (const connection of [...registry.all()]) {
      const { userId } = connection.principal
      if (deletedNow.has(userId)) connection.close(CLOSE.tokenExpired)
      else if (names.has(userId)) connection.principal = named(connection.principal)
    }
    for (const id of deletedNow) subscriptionManager.deleted(id)
    for (const [id, username] of names) subscriptionManager.renamed(id, username)
  }

  return {
    apply,
    named,
    author(principal) {
      if (!isDeleted(principal.userId)) return named(principal)
      const detail = 'Your account was changed a moment ago. Log in again, or try again in a moment.'
      throw new ChatError('unavailable', detail, { retryAfterMs: 1000 })
    },
    isDeleted,
    async refresh() {
      const connected = new Map([...registry.all()].map(({ principal }) => [principal.userId, principal.username]))
      if (connected.size === 0) return
      const names = await usernames([...connected.keys()])
      apply({
        deletedUsers: [...connected.keys()].filter(id => !names.has(id)),
        renamedUsers: [...names].flatMap(([id, username]) => (username === connected.get(id) ? [] : [{ id, username }]))
      })
    },
    close: stop
  }
}
