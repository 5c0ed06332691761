/** Implements `@fastify/rate-limit`'s store on the database, so that a limit applies across all processes. */
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'

/** The part of src/db/repositories/rate-limits.ts that the store uses. */
export interface HitCounter {
  /** Counts a request for `key`. The first request starts a period of `windowMs` milliseconds. */
  hit(key: string, windowMs: number): Promise<{ current: number; ttlMs: number }>
}

type Callback = Parameters<FastifyRateLimitStore['incr']>[1]

/**
 * Returns a store class for `@fastify/rate-limit`. Each key contains the `groupId` of its route, so all routes can share one
 * store.
 */
export const rateLimitStore = (counter: HitCounter): FastifyRateLimitStoreCtor =>
  class DatabaseStore implements FastifyRateLimitStore {
    incr(key: string, callback: Callback, timeWindow: number): void {
      counter.hit(key, timeWindow).then(
        ({ current, ttlMs }) => callback(null, { current, ttl: ttlMs }),
        error => callback(error)
      )
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
