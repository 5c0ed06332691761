/** Serves invitations to rooms over HTTP: creates, lists and revokes them, and lets users join with them. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import {
  InvitationCode,
  InvitationId,
  InvitationPreview,
  JoinedRoom,
  NewRoomInvitation,
  RoomInvitation,
  RoomInvitationList
} from '../src/protocol/http/invitations.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { ANY_BODY, emptyResponse, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { perUserAndMinute } from './limit-per-user.ts'
import { optionalBody } from './optional-body.ts'

/** Maximum number of changes of invitations per minute per user, and maximum number of tried codes per minute per user. */
const [CHANGES_PER_MINUTE, CODES_PER_MINUTE] = [20, 20]
const [DEFAULT_HOURS, DEFAULT_USES] = [168, 10]
const HOUR_MS = 60 * 60 * 1000
const BODY_LIMIT = 16 * 1024

export interface RoomInvitationRoutesOptions {
  readonly publicUrl?: string | undefined
}

const Named = Type.Object({ room: RoomName })
const OneInvitation = Type.Object({ room: RoomName, id: InvitationId })
const Coded = Type.Object({ code: InvitationCode })
const GUARD = [...TOKEN_PROBLEMS, 'validation_failed', 'rate_limited', 'busy'] as const

const roomInvitationRoutes: FastifyPluginAsyncTypebox<RoomInvitationRoutesOptions> = async (fastify, { publicUrl }) => {
  const { invitations } = fastify.chatCore
  const change = { bodyLimit: BODY_LIMIT, config: perUserAndMinute(CHANGES_PER_MINUTE, ':invitations') }
  const byCode = { bodyLimit: BODY_LIMIT, config: perUserAndMinute(CODES_PER_MINUTE, ':codes') }
  const page = publicUrl && `${publicUrl.replace(/\/$/, '')}/app`

  fastify.route({
    method: 'POST',
    url: '/api/chat/rooms/:room/invitations',
    ...change,
    preValidation: optionalBody,
    schema: {
      operationId: 'createRoomInvitation',
      summary: 'Create an invitation with which people join a room',
      description:
        'For everybody who may add people to the room; not in direct rooms. The invitation is valid only while its creator may add people. A room has at most 100 invitations that can be used. Limited to 20 changes per minute per user.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      body: refTo(NewRoomInvitation),
      response: {
        201: jsonResponse('The invitation.', refTo(RoomInvitation), { isLimited: true }),
        ...problems(
          'room_not_found',
          'not_allowed',
          'muted',
          'banned',
          'room_archived',
          'too_many_invitations',
          ...GUARD,
          ...ANY_BODY
        )
      }
    },
    async handler(request, reply) {
      const { expires_in_hours: hours = DEFAULT_HOURS, uses = DEFAULT_USES } = request.body
      const terms = { lifetimeMs: hours * HOUR_MS, uses }
      const created = await invitations.create(callerOf(request), request.params.room, terms)
      reply.code(201)
      return { ...created, ...(page ? { link: `${page}#invite=${created.code}` } : {}) }
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/invitations',
    config: { chatMayWait: true },
    preHandler: limitReads(),
    schema: {
      operationId: 'listRoomInvitations',
      summary: 'The invitations to a room that can be used, newest first',
      description: 'Moderators and owners see all of them, other members only their own. The codes are not stored.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      response: {
        200: jsonResponse('The invitations.', refTo(RoomInvitationList)),
        ...problems('room_not_found', 'banned', ...GUARD)
      }
    },
    handler: async request => invitations.list(callerOf(request), request.params.room)
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/chat/rooms/:room/invitations/:id',
    ...change,
    schema: {
      operationId: 'revokeRoomInvitation',
      summary: 'Revoke an invitation',
      description: 'Moderators and owners may revoke every invitation, other members their own.',
      tags: ['rooms'],
      security: SECURED,
      params: OneInvitation,
      response: {
        204: emptyResponse('The invitation cannot be used anymore.'),
        ...problems('room_not_found', 'banned', 'invitation_not_found', ...GUARD, ...ANY_BODY)
      }
    },
    async handler(request, reply) {
      const { room, id } = request.params
      await invitations.revoke(callerOf(request), room, id)
      return reply.code(204).send()
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/invitations/:code',
    ...byCode,
    schema: {
      operationId: 'showInvitation',
      summary: 'The room to which an invitation leads',
      description: 'Limited to 20 per minute per user, together with joining.',
      tags: ['rooms'],
      security: SECURED,
      params: Coded,
      response: {
        200: jsonResponse('The room.', refTo(InvitationPreview), { isLimited: true }),
        ...problems('invitation_invalid', ...GUARD)
      }
    },
    handler: async request => invitations.show(callerOf(request), request.params.code)
  })

  fastify.route({
    method: 'POST',
    url: '/api/chat/invitations/:code',
    ...byCode,
    schema: {
      operationId: 'useInvitation',
      summary: 'Join a room with an invitation',
      description:
        'If you are a member already, nothing changes, and no use is counted. `invitation_invalid` for every invitation that does not work for you, whatever the reason is.',
      tags: ['rooms'],
      security: SECURED,
      params: Coded,
      response: {
        200: jsonResponse('The room.', refTo(JoinedRoom), { isLimited: true }),
        ...problems(
          'invitation_invalid',
          'not_allowed',
          'banned',
          'room_archived',
          'upgrade_pending',
          ...GUARD,
          ...ANY_BODY
        )
      }
    },
    handler: async request => ({ room: await invitations.accept(callerOf(request), request.params.code) })
  })
}

export default roomInvitationRoutes
