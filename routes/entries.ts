/** Appends entries to a room's log over HTTP. The routes of a kind of entry are derived from the schema of its command. */
import { type FastifyPluginAsyncTypebox, type TSchema, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { type HttpTwin, type Kind, restItems } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { Entry, MESSAGE, Nonce, RoomName } from '../src/protocol/http/messages.ts'
import { ANY_BODY, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'

const GUARD = [...TOKEN_PROBLEMS, 'validation_failed'] as const

/**
 * Fields of a command that are not in the body. They are in the path or in `Idempotency-Key`, or only the WebSocket needs them.
 */
const ELSEWHERE = ['type', 'room', 'nonce', 'ref']

/**
 * Returns, for each parameter of the path, the name of the parameter and the name of the command field that the parameter sets.
 */
const parametersOf = ({ path, parameters = {} }: HttpTwin): [name: string, field: string][] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => [name, parameters[name] ?? name])

/** Derives the schemas of a request from the schema of the command. */
const requestOf = ({ command }: Kind, twin: HttpTwin) => {
  const { body, fixed = {} } = twin
  const parameters = parametersOf(twin)
  const inPath = parameters.map(([, field]) => field)
  const rest = Type.Omit(command, [...ELSEWHERE, ...inPath, ...Object.keys(fixed)])
  const hasBody = Object.keys(rest.properties).length > 0
  const fields = Object.fromEntries(parameters.map(([name, field]) => [name, command.properties[field] as TSchema]))
  return {
    params: Type.Object({ room: RoomName, ...fields }),
    headers: Type.Object({ 'idempotency-key': Type.Optional(Nonce) }),
    ...(hasBody ? { body: body ? refTo(body) : rest } : {})
  }
}

const entryRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { chatCore: chat } = fastify

  const routeOf = (kind: Kind, http: HttpTwin): void => {
    fastify.route<{ Params: { room: string }; Headers: { 'idempotency-key'?: string }; Body?: object }>({
      method: http.method,
      url: `/api/chat/rooms/:room/${http.path}`,
      // The limit is the same as on the WebSocket. It allows 12 bytes for each character, because a client may send characters
      // as JSON escapes.
      bodyLimit: chat.connections.maxFrameBytes,
      schema: {
        operationId: http.operationId,
        summary: http.summary,
        description: http.description,
        tags: ['rooms'],
        security: SECURED,
        ...requestOf(kind, http),
        response: {
          201: jsonResponse('The entry, stored now.', refTo(Entry)),
          200: jsonResponse('The entry that was stored before.', refTo(Entry)),
          ...problems(
            'room_not_found',
            'muted',
            'banned',
            'room_archived',
            'slow_mode',
            'nonce_reused',
            ...(http.errors ?? []),
            ...(kind.kind === MESSAGE ? [] : (['upgrade_pending'] as const)),
            'rate_limited',
            'busy',
            ...GUARD,
            ...ANY_BODY
          )
        }
      },
      async handler(request, reply) {
        const { room, ...values } = request.params as Record<string, unknown> & { room: string }
        const inPath = parametersOf(http).map(([name, field]) => [field, values[name]])
        const command = {
          ...(request.body as object | undefined),
          ...Object.fromEntries(inPath),
          ...http.fixed,
          nonce: request.headers['idempotency-key']
        }
        const { entry, isNew } = await chat.log.append(callerOf(request), room, {
          kind,
          command,
          requestId: request.id
        })
        reply.code(isNew ? 201 : 200).type('application/json; charset=utf-8')
        return restItems('', [entry], '') as unknown as Entry
      }
    })
  }

  for (const kind of chat.log.kinds.all) for (const http of kind.http) routeOf(kind, http)
}

export default entryRoutes
