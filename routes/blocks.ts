/** Lets users block and unblock other users, and list the users whom they have blocked. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { ChatError } from '../src/protocol/errors.ts'
import { BlockList } from '../src/protocol/http/blocks.ts'
import { UserId } from '../src/protocol/http/members.ts'
import { ANY_BODY, emptyResponse, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { perUserAndMinute } from './limit-per-user.ts'

/** Maximum number of blocks that a user may add and remove per minute. */
const CHANGES_PER_MINUTE = 60
const BODY_LIMIT = 16 * 1024

const Blocked = Type.Object({ user: UserId })
const GUARD = [...TOKEN_PROBLEMS, 'validation_failed', 'rate_limited'] as const

const blockRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { blocks } = fastify.chatDb
  const change = { bodyLimit: BODY_LIMIT, config: perUserAndMinute(CHANGES_PER_MINUTE, ':blocks') }

  fastify.route({
    method: 'GET',
    url: '/api/users/me/blocks',
    config: { chatMayWait: true },
    preHandler: limitReads(),
    schema: {
      operationId: 'listBlocks',
      summary: 'The users whom you have blocked, newest first',
      description: 'Only you can see this list. A user does not learn that you have blocked them.',
      tags: ['rooms'],
      security: SECURED,
      response: {
        200: jsonResponse('The users.', refTo(BlockList)),
        ...problems(...TOKEN_PROBLEMS, 'rate_limited', 'busy')
      }
    },
    async handler(request) {
      const found = await blocks.list(callerOf(request).userId)
      return {
        blocks: found.map(({ userId, username, createdAt }) => ({
          user_id: userId,
          username,
          created_at: timestamp(createdAt)
        }))
      }
    }
  })

  fastify.route({
    method: 'PUT',
    url: '/api/users/me/blocks/:user',
    ...change,
    schema: {
      operationId: 'blockUser',
      summary: 'Block a user',
      description:
        'In a direct room of the two of you, nobody can post anymore. The user cannot add you to rooms and cannot open a direct room with you. The user is not notified. At most 1,000 blocks; limited to 60 changes per minute.',
      tags: ['rooms'],
      security: SECURED,
      params: Blocked,
      response: {
        204: emptyResponse('The user is blocked.'),
        ...problems('user_not_found', 'not_allowed', 'too_many_blocks', 'unavailable', ...GUARD, ...ANY_BODY)
      }
    },
    async handler(request, reply) {
      const { userId } = callerOf(request)
      const { user } = request.params
      if (user === userId) throw new ChatError('not_allowed', 'You cannot block yourself.')
      const code = await blocks.add(userId, user)
      if (code === 'too_many_blocks') throw new ChatError(code, 'You have blocked 1,000 users. Remove a block first.')
      if (code === 'user_not_found') throw new ChatError(code, 'There is no user with this id.')
      if (code)
        throw new ChatError(
          'not_allowed',
          'Your account is not active, so it cannot block users. Ask an administrator.'
        )
      return reply.code(204).send()
    }
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/users/me/blocks/:user',
    ...change,
    schema: {
      operationId: 'unblockUser',
      summary: 'Remove a block',
      description: 'Removes a block. If you have not blocked the user, nothing changes.',
      tags: ['rooms'],
      security: SECURED,
      params: Blocked,
      response: { 204: emptyResponse('The user is not blocked.'), ...problems(...GUARD, ...ANY_BODY) }
    },
    async handler(request, reply) {
      await blocks.remove(callerOf(request).userId, request.params.user)
      return reply.code(204).send()
    }
  })
}

export default blockRoutes
