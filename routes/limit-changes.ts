/** Limits how often a user changes second factors or requests a challenge for a passkey. */
import type { FastifyRequest } from 'fastify'
import { callerOf } from '../plugins/auth.ts'
import { ChatError } from '../src/protocol/errors.ts'

const HOUR_MS = 60 * 60 * 1000
const MAX_PER_HOUR = 20

/**
 * Returns a `preHandler` hook that throws `rate_limited` after twenty requests of a user within an hour. Routes with the same
 * `group` are counted together.
 */
export const limitChanges =
  (group: 'factors' | 'challenges') =>
  async (request: FastifyRequest): Promise<void> => {
    const { userId } = callerOf(request)
    const { current, ttlMs } = await request.server.chatDb.rateLimits.hit(`${group}:${userId}`, HOUR_MS)
    if (current <= MAX_PER_HOUR) return
    const minutes = Math.ceil(ttlMs / 60_000)
    const detail = `Too many changes of your second factors. Try again in ${minutes} minute${minutes === 1 ? '' : 's'}.`
    throw new ChatError('rate_limited', detail, { retryAfterMs: ttlMs })
  }
