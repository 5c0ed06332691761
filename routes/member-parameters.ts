/** The parameters and error codes that the routes of members and of restrictions share. */
import { Type } from '@fastify/type-provider-typebox'
import { ChatError } from '../src/protocol/errors.ts'
import { MAX_USER_ID } from '../src/protocol/http/members.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'

/** The path parameter `room`. */
export const InRoom = Type.Object({ room: RoomName })

/** The query parameter `after` of a list that is sorted by user id. */
export const AfterUser = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: MAX_USER_ID,
    description: 'The `next` of the previous page.',
    examples: [1]
  })
)

/** The error codes that every route of members and of restrictions can return. */
export const GUARD = [...TOKEN_PROBLEMS, 'validation_failed', 'rate_limited', 'busy'] as const

/** The error codes of the routes that change a member or a restriction. */
export const CHANGE = [
  'room_not_found',
  'user_not_found',
  'not_allowed',
  'muted',
  'banned',
  'room_archived',
  'last_owner',
  'upgrade_pending'
] as const

/**
 * Returns the id in a path. Throws `user_not_found` if the id is above the maximum, because a query with such an id would fail.
 */
export const userIdOf = (user: string): number => {
  const id = Number(user)
  if (id > MAX_USER_ID) throw new ChatError('user_not_found', 'There is no user with this id.')
  return id
}
