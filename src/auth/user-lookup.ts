/** Who a token's `uid` is: asked of the database every time, since users go, but together with whoever else asks. */
import DataLoader from 'dataloader'

/**
 * Makes the look-up by id. What is asked in one turn of the loop is one query, so that a thousand clients that come back at
 * once are not a thousand queries; nothing is cached.
 */
export const createUserLookup = <User>(
  findByIds: (ids: readonly number[]) => Promise<ReadonlyMap<number, User>>
): ((id: number) => Promise<User | undefined>) => {
  const loader = new DataLoader<number, User | undefined>(
    async ids => {
      const found = await findByIds([...new Set(ids)])
      return ids.map(id => found.get(id))
    },
    { cache: false, batchScheduleFn: ask => void setImmediate(ask) }
  )
  return id => loader.load(id)
}
