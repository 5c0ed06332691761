/** The entrance: what this is and where to go from here. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, PUBLIC, problems } from '../src/openapi-base.ts'
import { version } from '../src/package.ts'
import { Entrance, refTo } from '../src/schemas/index.ts'

const entranceRoute: FastifyPluginAsyncTypebox = async fastify => {
  fastify.route({
    method: 'GET',
    url: '/',
    schema: {
      operationId: 'getEntrance',
      summary: 'What this is and where to go from here',
      tags: ['service'],
      security: PUBLIC,
      response: { 200: answer('The entrance.', refTo(Entrance)), ...problems('unavailable') }
    },
    handler: async () => ({
      message: 'fastify-chat: a real-time chat backend',
      version,
      endpoints: {
        register: 'POST /api/auth/register',
        login: 'POST /api/auth/login',
        me: 'GET /api/users/me',
        messages: 'GET /api/chat/messages',
        rooms: 'GET /api/chat/rooms',
        websocket: 'WS /ws/chat',
        health: 'GET /health',
        docs: '/docs',
        redoc: '/redoc',
        openapi: '/openapi.json',
        asyncapi: '/asyncapi.json'
      }
    })
  })
}

export default entranceRoute
