/**
 * Serves the log of a room over HTTP: pages of messages, single messages, the users who reacted to a message, pinned messages,
 * and entries of all kinds.
 */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { type LogPart, limitReads, type PinPart } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { EntryList, PinList, RawLog, RoomName, SingleMessage, Target } from '../src/protocol/http/messages.ts'
import { countOf, Limit } from '../src/protocol/http/paging.ts'
import { ReactionKey, ReactionList, reactionKey } from '../src/protocol/http/reactions.ts'
import { Int64 } from '../src/protocol/integers.ts'
import { jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'

const seq = (description: string) =>
  Type.Optional(Int64({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description, examples: [42] }))
const Before = seq(
  'Return the last messages before this `seq`. With `after`: return the first entries after `after` and before this `seq`.'
)
const After = seq('Return the first entries after this `seq`.')
const Around = seq(
  'Return messages around this `seq`: half of them before this `seq`, the rest from this `seq` on. Not together with `before` or `after`.'
)
const View = Type.Optional(
  Type.Literal('messages', {
    examples: ['messages'],
    description:
      'With `after`: return only messages. By default, `after` returns the entries of all kinds, so that there is no gap.'
  })
)
const Notices = Type.Optional(
  Type.Boolean({
    examples: [true],
    description:
      'Whether a list of messages also has the entries of the types `membership`, `room` and `pin`, which count towards `limit`.'
  })
)
const Named = Type.Object({ room: RoomName })
const OneMessage = Type.Object({ room: RoomName, seq: Target })
const READ = [...TOKEN_PROBLEMS, 'banned', 'validation_failed', 'rate_limited', 'busy', 'unavailable'] as const
const JSON_TYPE = 'application/json; charset=utf-8'

const roomLogRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { chatCore: chat } = fastify
  const single = { preHandler: limitReads() }
  const list = {
    config: { chatMayWait: true },
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit))
  }

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/messages',
    ...list,
    schema: {
      operationId: 'listRoomMessages',
      summary: 'A part of a room’s log, oldest first: the newest messages, or those before, after or around a seq',
      description:
        'While `has_more` is true, request more with `before` set to the first `seq` of the response, or `after` to the last. An entry that can’t be shown has the content `null`, and the reason in `unavailable`. Messages are shown in their current state: apply a later entry to a message only if the `seq` of the entry is greater than `changed_seq`.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      querystring: Type.Object({
        before: Before,
        after: After,
        around: Around,
        view: View,
        notices: Notices,
        limit: Limit
      }),
      response: {
        200: jsonResponse('A part of the log, oldest entry first.', refTo(EntryList)),
        ...problems('room_not_found', ...READ)
      }
    },
    async handler(request, reply) {
      const { before, after, around, view, notices, limit } = request.query
      const messages = { messagesOnly: view === 'messages', withNotices: notices }
      const range = { before, after, around, limit: countOf(limit), ...messages }
      const part = await chat.log.read(callerOf(request), request.params.room, range)
      reply.type(JSON_TYPE)
      return messagesOf(part) as unknown as EntryList
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/messages/:seq',
    ...single,
    schema: {
      operationId: 'getMessage',
      summary: 'A message in its current state',
      description: 'Includes the reactions to the message, and the keys of your own reactions in `mine`.',
      tags: ['rooms'],
      security: SECURED,
      params: OneMessage,
      response: {
        200: jsonResponse('The message.', refTo(SingleMessage)),
        ...problems('room_not_found', 'message_not_found', ...READ)
      }
    },
    async handler(request, reply) {
      const { room, seq } = request.params
      reply.type(JSON_TYPE)
      return (await chat.log.message(callerOf(request), room, seq)) as unknown as SingleMessage
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/messages/:seq/reactions',
    ...list,
    schema: {
      operationId: 'listReactions',
      summary: 'Who reacted to a message with a key',
      description: 'While `has_more` is true, request more with `after` set to the last `seq` of the response.',
      tags: ['rooms'],
      security: SECURED,
      params: OneMessage,
      querystring: Type.Object({
        key: ReactionKey,
        after: seq('Return the reactions that were added after this `seq`.'),
        limit: Limit
      }),
      response: {
        200: jsonResponse('The reactions, in the order in which they were added.', refTo(ReactionList)),
        ...problems('room_not_found', 'message_not_found', ...READ)
      }
    },
    async handler(request) {
      const { room, seq } = request.params
      const { key: given, after = 0, limit } = request.query
      const key = reactionKey(given)
      // The given key is not valid, so no message can have reactions with this key.
      if (key === undefined) return { reactions: [], has_more: false }
      const count = countOf(limit)
      const found = await chat.log.reactions(callerOf(request), room, { seq, key, after, limit: count + 1 })
      return {
        reactions: found.slice(0, count).map(({ userId, ...reaction }) => ({ ...reaction, user_id: userId })),
        has_more: found.length > count
      }
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/pins',
    ...list,
    schema: {
      operationId: 'listPins',
      summary: 'The pinned messages of a room, the newest pin first',
      description: 'While `has_more` is true, request the next page with `after` set to `next`.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      querystring: Type.Object({ after: seq('The `next` of the previous page.'), limit: Limit }),
      response: {
        200: jsonResponse('The pinned messages.', refTo(PinList)),
        ...problems('room_not_found', ...READ)
      }
    },
    async handler(request, reply) {
      const { room } = request.params
      const { after, limit } = request.query
      const part = await chat.log.pins(callerOf(request), room, { after, limit: countOf(limit) })
      reply.type(JSON_TYPE)
      return messagesOf(part) as unknown as PinList
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/log',
    ...list,
    schema: {
      operationId: 'readLog',
      summary: 'A room’s log, with entries of all kinds',
      description: 'While `has_more` is true, request more with `after` set to the last `seq` of the response.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      querystring: Type.Object({ after: After, limit: Limit }),
      response: {
        200: jsonResponse('The entries, as in the frames that subscribers receive.', refTo(RawLog)),
        ...problems('room_not_found', ...READ)
      }
    },
    async handler(request, reply) {
      const { after = 0, limit } = request.query
      const range = { after, limit: countOf(limit), isRaw: true }
      const part = await chat.log.read(callerOf(request), request.params.room, range)
      reply.type(JSON_TYPE)
      return part.json(`${headOf(part)},"entries":[`, () => ']}') as unknown as RawLog
    }
  })
}

export default roomLogRoutes

/** Returns a response with a list of messages. See `LogPart.json`. */
const messagesOf = (part: LogPart): ReturnType<LogPart['json']> =>
  part.json(`${headOf(part)},"messages":[`, mine => (mine ? `],"mine":${mine}}` : ']}'))

/** Returns the fields of the response that precede the list, as JSON without the closing brace. */
const headOf = ({ room, hasMore, hasNewer, next }: LogPart & Partial<Pick<PinPart, 'next'>>): string => {
  const { room: name, epoch, oldest, seq } = room
  const newer = hasNewer === undefined ? {} : { has_newer: hasNewer }
  return JSON.stringify({ room: name, epoch, oldest, seq, has_more: hasMore, ...newer, next }).slice(0, -1)
}
