/**
 * Finds the rooms whose inbox items have to be sent again because a member was renamed. Items show the names of the people in
 * direct rooms, and of the authors of the newest messages.
 */
import type { InboxRepository } from '../../db/database.ts'
import type { LogReader } from '../log/reader.ts'
import type { InboxState } from './state.ts'

/** Maximum numbers of rooms and of users per query. */
const [ROOMS_PER_QUERY, USERS_PER_QUERY] = [1000, 500]

export interface Renames {
  /** Records that users were renamed. */
  add(userIds: readonly number[]): void
  /** Records the rooms that have to be sent again. If the promise rejects, the next call finds the missing rooms. */
  find(): Promise<void>
}

export const createRenames = (
  repository: InboxRepository,
  reader: Pick<LogReader, 'limited'>,
  { watched, dirty, stale }: InboxState
): Renames => {
  const renamed = new Set<number>()

  const find = async (): Promise<void> => {
    const roomIds = [...watched.keys()]
    const userIds = [...renamed]
    for (let user = 0; user < userIds.length; user += USERS_PER_QUERY) {
      const users = userIds.slice(user, user + USERS_PER_QUERY)
      for (let room = 0; room < roomIds.length; room += ROOMS_PER_QUERY) {
        const some = roomIds.slice(room, room + ROOMS_PER_QUERY)
        for (const { roomId, isDirect } of await reader.limited(() => repository.roomsOf(some, users))) {
          dirty.add(roomId)
          for (const member of (isDirect && watched.get(roomId)?.users) || []) {
            member.wanted.add(roomId)
            stale.add(member)
          }
        }
      }
      for (const userId of users) renamed.delete(userId)
    }
  }

  return {
    add(userIds) {
      for (const userId of userIds) renamed.add(userId)
    },
    find
  }
}
