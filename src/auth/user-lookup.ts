/** Who a token's `uid` is: asked of the database every time, since users go, but together with whoever else asks. */
import { setTimeout as pause } from 'node:timers/promises'
import DataLoader from 'dataloader'

/** How long a look-up waits for an earlier one, in milliseconds: a query that hangs must not hold up the rest. */
const LONGEST_WAIT_MS = 5

/**
 * Makes the look-up by id. The first goes at once; what is asked while its query is under way goes together in the next,
 * so that a thousand clients that come back at once are not a thousand queries. Nothing is cached.
 */
export const createUserLookup = <User>(
  findByIds: (ids: readonly number[]) => Promise<ReadonlyMap<number, User>>
): ((id: number) => Promise<User | undefined>) => {
  let earlier: Promise<unknown> = Promise.resolve()
  const loader = new DataLoader<number, User | undefined>(
    async ids => {
      const query = findByIds([...new Set(ids)])
      earlier = Promise.race([query.catch(() => {}), pause(LONGEST_WAIT_MS)])
      const found = await query
      return ids.map(id => found.get(id))
    },
    // What else came in this turn of the loop goes along.
    { cache: false, batchScheduleFn: ask => void earlier.then(() => setImmediate(ask)) }
  )
  return id => loader.load(id)
}
