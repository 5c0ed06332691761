/** Limits how often a user may request a route, across all processes. */
import { callerOf } from '../plugins/auth.ts'

/**
 * Returns the `config` of a route that limits requests per minute per user. Routes with the same `groupId` are counted together.
 * Only valid requests count.
 */
export const perUserAndMinute = (max: number, groupId: string) => ({
  rateLimit: {
    max,
    timeWindow: 60_000,
    groupId,
    // Runs after the validation.
    hook: 'preHandler' as const,
    keyGenerator: (request: Parameters<typeof callerOf>[0]) => `user ${callerOf(request).userId}`
  }
})
