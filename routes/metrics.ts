/** Serves the metrics to requests with METRICS_TOKEN. */
import type { FastifyPluginAsync } from 'fastify'
import { metricsOf } from '../plugins/metrics.ts'
import { ChatError } from '../src/protocol/errors.ts'

const metricsRoute: FastifyPluginAsync = async fastify => {
  const { collect, isAllowed } = metricsOf(fastify)
  if (!collect || !isAllowed) return
  fastify.get(
    '/metrics',
    // The API documents omit this route. The route responds during a shutdown too, so that Prometheus records the shutdown.
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
