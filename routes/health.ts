/** Reports the health of the service: `/health` for people, `ready` for load balancers, and `live` for supervisors. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { refTo } from '../src/protocol/components.ts'
import { Health, Liveness } from '../src/protocol/http/service.ts'
import { jsonResponse, PUBLIC, problems } from '../src/protocol/openapi.ts'

const schemaOf = (operationId: string, summary: string, description: string) => ({
  operationId,
  summary,
  description,
  tags: ['service'],
  security: PUBLIC,
  response: {
    200: jsonResponse('Healthy.', refTo(Health)),
    ...problems(),
    503: jsonResponse('Unhealthy; `checks` shows which check failed.', refTo(Health))
  }
})

const LIVENESS = {
  operationId: 'getLiveness',
  summary: 'Whether the process runs',
  description: 'For supervisors. Only the process is checked, so an outage of the database causes no restart.',
  tags: ['service'],
  security: PUBLIC,
  response: { 200: jsonResponse('The process runs.', refTo(Liveness)), ...problems() }
}

const healthRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { chatOps } = fastify

  const config = { chatWhileStopping: true }

  fastify.get(
    '/health',
    {
      config,
      schema: schemaOf(
        'getHealth',
        'Whether the service is healthy',
        'For people and monitors. `checks` lists each check and its result.'
      )
    },
    async (_, reply) => coded(chatOps.health(), reply)
  )

  fastify.get('/health/live', { config, schema: LIVENESS }, async () => chatOps.live())

  fastify.get(
    '/health/ready',
    {
      config,
      schema: schemaOf(
        'getReadiness',
        'Whether to send requests here',
        'For load balancers. It fails as soon as a shutdown begins.'
      )
    },
    async (_, reply) => coded(chatOps.ready(), reply)
  )
}

export default healthRoutes

const coded = (health: Health, reply: { code(status: 200 | 503): unknown }): Health => {
  reply.code(health.status === 'healthy' ? 200 : 503)
  return health
}
