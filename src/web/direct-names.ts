/** Loads the names of the other members of direct rooms, which have no titles. */
import type { ChatClient } from '../../client/src/index.ts'
import { directTitleOf } from './room-entry.ts'

interface DirectNames {
  /** Returns the names of the other members, such as `grace, linus`. Returns undefined if they are not loaded. */
  of(room: string): string | undefined
  /**
   * Loads the names for at most `MAX_ROOMS` rooms whose names are not loaded yet. Stops at an error without reporting it,
   * because a later call loads the rest.
   */
  load(rooms: readonly string[]): Promise<void>
}

/** Maximum number of requests per call of `load`, so that the names leave enough of the user's read limit for messages. */
const MAX_ROOMS = 20

export const createDirectNames = (client: ChatClient): DirectNames => {
  // The members of a direct room never change, so they are loaded once.
  const names = new Map<string, string>()
  return {
    of: room => names.get(room),
    async load(rooms) {
      // Sends one request at a time, so that a user with many direct rooms does not exceed a rate limit of the service.
      for (const room of rooms.filter(one => !names.has(one)).slice(0, MAX_ROOMS)) {
        const list = await client.api.members(room).catch(() => undefined)
        if (!list) return
        const others = list.members.filter(({ user_id: id }) => id !== client.identity?.user_id)
        names.set(room, directTitleOf(others))
      }
    }
  }
}
