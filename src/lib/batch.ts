/** Look-ups that are asked for at the same time go to the database together, so that a thousand of them are not a thousand queries. */
import { setTimeout as pause } from 'node:timers/promises'
import DataLoader from 'dataloader'

/** How long a look-up waits for an earlier one, in milliseconds: a query that hangs must not hold up the rest. */
const LONGEST_WAIT_MS = 5
/** How many keys go into one query. */
const MAX_KEYS = 1000

/**
 * Creates a look-up by key over one by many keys. The first goes at once; what is asked while its query is under way goes
 * together in the next.
 */
export const createBatch = <Key, Value>(
  find: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>
): ((key: Key) => Promise<Value | undefined>) => {
  let earlier: Promise<unknown> = Promise.resolve()
  const loader = new DataLoader<Key, Value | undefined>(
    async keys => {
      const query = find([...new Set(keys)])
      earlier = Promise.race([query.catch(() => {}), pause(LONGEST_WAIT_MS)])
      const found = await query
      return keys.map(key => found.get(key))
    },
    // What else came in this turn of the loop goes along.
    { cache: false, maxBatchSize: MAX_KEYS, batchScheduleFn: ask => void earlier.then(() => setImmediate(ask)) }
  )
  return key => loader.load(key)
}
