/** Serves the start page at `/`: a list of endpoints, or a redirect to the web client for browsers. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { version } from '../src/lib/package.ts'
import { refTo } from '../src/protocol/components.ts'
import { Entrance } from '../src/protocol/http/service.ts'
import { jsonResponse, PUBLIC, problems } from '../src/protocol/openapi.ts'

export interface EntranceOptions {
  /** Whether the web client is mounted. */
  readonly hasApp?: boolean
}

const entranceRoute: FastifyPluginAsyncTypebox<EntranceOptions> = async (fastify, { hasApp = false }) => {
  fastify.route({
    method: 'GET',
    url: '/',
    schema: {
      operationId: 'getEntrance',
      summary: 'What this service is, and its endpoints',
      description: 'Lists the endpoints as JSON. Browsers are redirected to the web client, if it is served.',
      tags: ['service'],
      security: PUBLIC,
      response: { 200: jsonResponse('The endpoints.', refTo(Entrance)), 302: SENT, ...problems('unavailable') }
    },
    handler: async (request, reply) => {
      if (!hasApp) return entrance
      const { vary } = reply.getHeaders()
      reply.header('vary', vary ? `${vary}, Accept` : 'Accept')
      if (!prefersHtml(request.headers.accept)) return { ...entrance, endpoints: { ...endpoints, app: '/app' } }
      // The redirect is relative, because a proxy may have removed a prefix from the path.
      return reply.redirect(/\/(\?|$)/.test(request.url) ? 'app' : `${fastify.prefix.split('/').at(-1)}/app`)
    }
  })
}

export default entranceRoute

const SENT = {
  type: 'null',
  description: 'Redirects a browser (`Accept` prefers HTML) to the web client, if it is served.'
}

const endpoints = {
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

const entrance = { message: 'fastify-chat: a real-time chat backend', version, endpoints }

/**
 * Returns whether the `Accept` header prefers HTML to JSON, as browsers do. Most other clients accept any type, so they prefer
 * neither.
 */
const prefersHtml = (accept = ''): boolean => {
  const weights = new Map(accept.split(',').map(range => weightOf(range)))
  const weigh = (...ranges: string[]): number =>
    ranges.map(range => weights.get(range)).find(weight => weight !== undefined) ?? 0
  return weigh('text/html', 'text/*', '*/*') > weigh('application/json', 'application/*', '*/*')
}

const weightOf = (range: string): [type: string, weight: number] => {
  const [type = '', ...parameters] = range.split(';').map(part => part.trim().toLowerCase())
  const weight = parameters.find(parameter => parameter.startsWith('q='))
  return [type, weight === undefined ? 1 : Number(weight.slice(2)) || 0]
}
