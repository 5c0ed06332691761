/** Limits how often a user changes second factors or requests a challenge for a passkey. */
import type { FastifyRequest } from 'fastify'
import { countPerHour } from './limit-per-user.ts'

const MAX_PER_HOUR = 20

/**
 * Returns a `preHandler` hook that throws `rate_limited` after twenty requests of a user within an hour. Routes with the same
 * `group` are counted together.
 */
export const limitChanges = (group: 'factors' | 'challenges') => (request: FastifyRequest) =>
  countPerHour(request, { max: MAX_PER_HOUR, group, problem: 'Too many changes of your second factors.' })
