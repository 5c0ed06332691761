/** Implements `@fastify/rate-limit`'s store on the database, so that a limit applies across all processes. */
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import { LruMap } from 'toad-cache'
import type { Clock } from '../lib/clock.ts'

/** The part of src/db/repositories/rate-limits.ts that the store uses. */
export interface HitCounter {
  /** Counts a request for `key`. The first request starts a period of `windowMs` milliseconds. */
  hit(key: string, windowMs: number): Promise<{ current: number; ttlMs: number }>
}

type Callback = Parameters<FastifyRateLimitStore['incr']>[1]

/** Maximum number of remembered keys. The key that has not been used for the longest time is forgotten. */
const MAX_KEYS = 10_000

/**
 * Returns a store class for `@fastify/rate-limit`. Each key contains the `groupId` of its route, so all routes can share one
 * store. A client that sends many requests costs the database little: the requests of a key are counted one after another, and
 * after the limit is reached, they are counted in memory until the period ends.
 */
export const rateLimitStore = (
  counter: HitCounter,
  { monotonic }: Pick<Clock, 'monotonic'>
): FastifyRateLimitStoreCtor => {
  const ends = new LruMap<{ current: number; readonly endsAt: number }>(MAX_KEYS)
  /** The callbacks of the requests that are not counted yet, by key. */
  const waiting = new Map<string, Callback[]>()

  const count = async (key: string, windowMs: number, max: number): Promise<{ current: number; ttl: number }> => {
    const over = ends.get(key)
    if (over && over.endsAt > monotonic()) return { current: ++over.current, ttl: over.endsAt - monotonic() }
    const { current, ttlMs } = await counter.hit(key, windowMs)
    if (current > max) ends.set(key, { current, endsAt: monotonic() + ttlMs })
    return { current, ttl: ttlMs }
  }

  const countAll = async (key: string, callbacks: Callback[], windowMs: number, max: number): Promise<void> => {
    while (callbacks.length > 0) {
      const counted = await count(key, windowMs, max).then(
        result => ({ result, error: null, callbacks: callbacks.splice(0, 1) }),
        // The others would wait for the same failure, one after another.
        error => ({ result: undefined, error, callbacks: callbacks.splice(0) })
      )
      for (const callback of counted.callbacks) callback(counted.error, counted.result)
    }
    waiting.delete(key)
  }

  return class DatabaseStore implements FastifyRateLimitStore {
    incr(key: string, callback: Callback, timeWindow: number, max: number): void {
      const others = waiting.get(key)
      if (others) return void others.push(callback)
      const callbacks = [callback]
      waiting.set(key, callbacks)
      void countAll(key, callbacks, timeWindow, max)
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}
