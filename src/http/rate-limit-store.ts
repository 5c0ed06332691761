/** `@fastify/rate-limit`'s store over the database, so that a limit holds over all processes. */
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'

/** Counts hits; see src/db/repositories/rate-limits.ts. */
export interface HitCounter {
  /** Counts one more hit of `key`, in a window of `windowMs` that the first hit began. */
  hit(key: string, windowMs: number): Promise<{ current: number; ttlMs: number }>
}

type Answer = Parameters<FastifyRateLimitStore['incr']>[1]

/** A store class as the plugin wants it. Each route's `groupId` is part of its keys, so that one store serves all. */
export const rateLimitStore = (counter: HitCounter): FastifyRateLimitStoreCtor =>
  class DatabaseStore implements FastifyRateLimitStore {
    incr(key: string, answer: Answer, timeWindow: number): void {
      counter.hit(key, timeWindow).then(
        ({ current, ttlMs }) => answer(null, { current, ttl: ttlMs }),
        error => answer(error)
      )
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
