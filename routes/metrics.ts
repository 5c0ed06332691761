/** Serves the metrics to whoever has METRICS_TOKEN. */
import type { FastifyPluginAsync } from 'fastify'
import { metricsOf } from '../plugins/metrics.ts'
import { ChatError } from '../src/protocol/errors.ts'

const metricsRoute: FastifyPluginAsync = async fastify => {
  const { collect, isAllowed } = metricsOf(fastify)
  if (!collect || !isAllowed) return
  fastify.get(
    '/metrics',
    // The route is not part of the API, and a shutdown can be watched.
    { schema: { hide: true }, config: { chatWhileStopping: true }, exposeHeadRoute: false },
    async (request, reply) => {
      if (!isAllowed(request)) {
        throw new ChatError('invalid_token', 'Send METRICS_TOKEN in the header `Authorization: Bearer …`.')
      }
      const { text, type } = await collect()
      return reply.type(type).send(text)
    }
  )
}

export default metricsRoute
