/** Defines the query parameters of lists, and the limits of every list that has no limits of its own. */
import { Type } from '@sinclair/typebox'
import { NO_CONTROLS } from '../../lib/text.ts'

const DEFAULT_LIMIT = 50
/** Maximum number of items. A larger `limit` is reduced to this number. */
const MAX_LIMIT = 1000

/** Defines the query parameter `limit` of a list. */
export const Limit = Type.Optional(
  Type.Integer({
    minimum: 1,
    default: DEFAULT_LIMIT,
    description: 'The maximum number of items; values above 1,000 count as 1,000.',
    examples: [50]
  })
)

/** Defines a query parameter that searches names. */
export const Search = (description: string, minLength = 0) =>
  Type.String({
    minLength,
    maxLength: 200,
    pattern: NO_CONTROLS,
    'x-rule': 'must have no control characters',
    description,
    examples: ['jo']
  })

/** Returns how many items to read for the query parameter `limit`, which may be absent. */
export const countOf = (limit = DEFAULT_LIMIT): number => Math.min(limit, MAX_LIMIT)

/** Returns the first `count` items of `found`. If `found` has more items, also returns the id of the last returned item. */
export const pageOf = <T extends { readonly id: number }>(
  found: readonly T[],
  count: number
): { readonly items: T[]; readonly next?: number } => {
  const items = found.slice(0, count)
  const last = items.at(-1)
  return found.length > count && last ? { items, next: last.id } : { items }
}
