/** Starts look-ups in groups. The look-ups of a group run at the same time, so that they can share queries. */

/**
 * Returns a function that returns the result of `look` for the item at an index. When it is called for the first item of a group,
 * it calls `look` for all items of the group. An error of `look` is thrown only for its own item.
 */
export const inGroups = <Item, Result>(
  items: readonly Item[],
  size: number,
  look: (item: Item) => Result | Promise<Result>
): ((index: number) => Result | Promise<Result>) => {
  const results: (() => Result | Promise<Result>)[] = []
  const start = (item: Item): (() => Result | Promise<Result>) => {
    try {
      const result = look(item)
      // The error is handled when the result is used, which may be in a later turn of the event loop.
      if (result instanceof Promise) result.catch(() => {})
      return () => result
    } catch (error) {
      return () => {
        throw error
      }
    }
  }
  return index => {
    while (results.length <= index && results.length < items.length)
      results.push(...items.slice(results.length, results.length + size).map(start))
    const result = results[index]
    if (!result) throw new RangeError(`There is no item ${index}.`)
    return result()
  }
}
