/** Batches lookups, so that keys that are requested at the same time are looked up with one query. */
import { setTimeout as pause } from 'node:timers/promises'
import DataLoader from 'dataloader'

/**
 * Maximum time in milliseconds that lookups wait for the previous query. It is short, so that a query that hangs delays the
 * next lookups only briefly.
 */
const MAX_WAIT_MS = 5
/** Maximum number of keys in a query. */
const MAX_KEYS = 1000

/**
 * Creates a function that looks up one key. The function collects keys and calls `find` with all of them. If no query is
 * running, it calls `find` at the end of the current turn of the event loop. During a query, new keys wait until the query
 * ends, but at most `MAX_WAIT_MS`. Then one query looks up all waiting keys.
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
    // Waits for the end of this turn of the event loop, so that the query includes all keys that are requested in the same
    // turn.
    { cache: false, maxBatchSize: MAX_KEYS, batchScheduleFn: ask => void earlier.then(() => setImmediate(ask)) }
  )
  return key => loader.load(key)
}
