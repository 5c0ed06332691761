/** Limits how often a user may request a route, across all processes. */
import type { FastifyRequest } from 'fastify'
import { callerOf } from '../plugins/auth.ts'
import { ChatError } from '../src/protocol/errors.ts'

const HOUR_MS = 60 * 60 * 1000

/**
 * Returns the `config` of a route that limits requests per minute per user. Routes with the same `groupId` are counted together.
 * Only valid requests count.
 */
export const perUserAndMinute = (max: number, groupId: string) => ({
  rateLimit: {
    max,
    timeWindow: 60_000,
    groupId,
    // Invalid requests don't count, because `preHandler` runs after the validation.
    hook: 'preHandler' as const,
    keyGenerator: (request: Parameters<typeof callerOf>[0]) => `user ${callerOf(request).userId}`
  }
})

/** A limit on the requests of a user per hour. */
export interface HourlyLimit {
  readonly max: number
  /** Requests with the same group are counted together. */
  readonly group: string
  /** The first sentence of the error message. */
  readonly problem: string
}

/** Counts a request of a user. Throws `rate_limited` after `max` requests within an hour. */
export const countPerHour = async (request: FastifyRequest, { max, group, problem }: HourlyLimit): Promise<void> => {
  const { userId } = callerOf(request)
  const { current, ttlMs } = await request.server.chatDb.rateLimits.hit(`${group}:${userId}`, HOUR_MS)
  if (current <= max) return
  const minutes = Math.ceil(ttlMs / 60_000)
  const detail = `${problem} Try again in ${minutes} minute${minutes === 1 ? '' : 's'}.`
  throw new ChatError('rate_limited', detail, { retryAfterMs: ttlMs })
}
