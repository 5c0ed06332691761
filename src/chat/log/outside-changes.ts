/**
 * Applies the changes that the change feed has read. Changes of users are applied before pages are removed from the page cache,
 * so that new entries have the new names.
 */
import type { Changes, ChangesRepository } from '../../db/database.ts'
import type { Log } from '../../lib/logging.ts'
import type { CurrentUsers } from '../access/current-users.ts'
import type { ConnectionRegistry } from '../connections/registry.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { SubscriptionManager } from '../subscriptions/manager.ts'
import type { ChangeFeedOptions } from './change-feed.ts'
import type { Entry } from './entry.ts'
import type { PageCache } from './page-cache.ts'

export interface OutsideChangesOptions {
  readonly users: CurrentUsers
  readonly rooms: RoomRegistry
  readonly pages: PageCache<Entry>
  readonly subscriptionManager: SubscriptionManager
  readonly registry: ConnectionRegistry
  readonly log: Log
  readonly repository: ChangesRepository
}

/** Maximum number of rooms per query. */
const PAGE = 1000

/** Creates the callbacks of the change feed. */
export const createOutsideChanges = (
  options: OutsideChangesOptions
): Pick<ChangeFeedOptions, 'onChanges' | 'onLost'> => {
  const { users, rooms, pages, subscriptionManager, registry, log, repository } = options

  const removeRooms = (ids: readonly number[]): void => {
    const names = new Set(ids.flatMap(id => rooms.byId(id)?.name ?? []))
    for (const connection of names.size > 0 ? [...registry.all()] : []) {
      const subscribed = [...connection.subscriptions.keys()].filter(name => names.has(name))
      for (const name of subscribed) subscriptionManager.expel(connection, name, 'deleted')
    }
    for (const id of ids) {
      pages.forget(id)
      rooms.remove(id)
    }
  }

  const drop = (): void => {
    pages.clear()
    rooms.changed()
  }

  const refreshRooms = async (): Promise<void> => {
    const ids = [...rooms.all()].map(({ id }) => id)
    for (let at = 0; at < ids.length; at += PAGE) {
      const page = ids.slice(at, at + PAGE)
      const found = await repository.descriptions(page)
      for (const [id, description] of found) rooms.describe(id, description)
      removeRooms(page.filter(id => !found.has(id)))
    }
  }

  return {
    onChanges(changes: Changes) {
      // Changes the names first, so that all entries that are created from now on have the new names. Entries with the old
      // names are removed from the page cache below.
      users.apply(changes)
      for (const { id, isDeleted, ...description } of changes.rooms) if (!isDeleted) rooms.describe(id, description)
      removeRooms(changes.rooms.filter(({ isDeleted }) => isDeleted).map(({ id }) => id))
      for (const { roomId, from, to } of changes.entries) pages.invalidate(roomId, from, to)
      const named = new Set([...changes.deletedUsers, ...changes.renamedUsers.map(({ id }) => id)])
      if (named.size > 0) pages.invalidateUsers(named)
      if (named.size > 0 || changes.entries.length > 0) rooms.changed()
    },
    onLost() {
      drop()
      rooms.lost()
      // Clears the page cache again after the names were refreshed, because entries with the old names may have been cached in
      // the meantime.
      Promise.all([users.refresh(), refreshRooms()]).then(drop, err =>
        log.warn(
          { err },
          'failed to look up the connected users and the loaded rooms after changes were lost; old names may still be shown'
        )
      )
    }
  }
}
