/**
 * Lets a client finish sending a body that the service has already rejected. By default, Fastify closes the connection of such
 * a request. But if a connection is closed while unread bytes arrive, TCP resets it, and the response is often lost. A proxy
 * then reports a 502, and may stop using the service for all clients.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Maximum time in milliseconds for the rest of a body. Then the connection is destroyed. */
const LINGER_MS = 5000

/**
 * Keeps the connection of a response open if the request's body is not yet received completely. The rest of the body is
 * discarded, and the client may then send further requests. Called before the headers are sent.
 */
export const lingerForBody = (
  { raw }: Pick<FastifyRequest, 'raw'>,
  reply: Pick<FastifyReply, 'raw' | 'getHeader' | 'removeHeader'>
): void => {
  if (raw.complete || reply.getHeader('connection') !== 'close') return
  reply.removeHeader('connection')
  reply.raw.once('finish', () => {
    if (raw.complete) return
    const timer = setTimeout(() => raw.socket.destroy(), LINGER_MS)
    raw.once('close', () => clearTimeout(timer))
    raw.resume()
  })
}
