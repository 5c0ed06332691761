/** Allows clients to omit a body whose fields are all optional. */
import type { FastifyRequest } from 'fastify'

/**
 * Replaces a missing body with `{}`, because a missing body does not match the schema of an object. Used as a `preValidation`
 * hook.
 */
export const optionalBody = async (request: FastifyRequest): Promise<void> => {
  request.body ??= {}
}
