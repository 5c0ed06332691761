/** Batches lookups: those requested at the same time become one query, so that a thousand of them are not a thousand queries. */
import { setTimeout as pause } from 'node:timers/promises'
import DataLoader from 'dataloader'

/** Limits how long a lookup waits for an earlier query, in milliseconds: a query that hangs must not delay the rest. */
const MAX_WAIT_MS = 5
/** Limits the keys of a query. */
const MAX_KEYS = 1000

/**
 * Creates a lookup by one key from a lookup by many. The first request is sent at once; those that arrive during its query are
 * sent together in the next one.
 */
export const createBatch = <Key, Value>(
  find: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>
): ((key: Key) => Promise<Value | undefined>) => {
  let earlier: Promise<unknown> = Promise.resolve()
  const loader = new DataLoader<Key, Value | undefined>(
    async keys => {
      const query = find([...new Set(keys)])
      earlier = Promise.race([query.catch(() => {}), pause(MAX_WAIT_MS)])
      const found = await query
      return keys.map(key => found.get(key))
    },
    // Includes what else is requested in this turn of the event loop.
    { cache: false, maxBatchSize: MAX_KEYS, batchScheduleFn: ask => void earlier.then(() => setImmediate(ask)) }
  )
  return key => loader.load(key)
}
