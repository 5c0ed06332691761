/** How much of a list is answered at once: the same for every list. */
import { Type } from '@sinclair/typebox'

const DEFAULT_LIMIT = 50
/** More are not read at once; a larger `limit` is taken as this. */
const MAX_LIMIT = 1000

/** The query parameter `limit` of a list. */
export const Limit = Type.Optional(
  Type.Integer({
    minimum: 1,
    default: DEFAULT_LIMIT,
    description: 'How many at most; above 1,000 is taken as 1,000.',
    examples: [50]
  })
)

/** How many to read for a `limit` that was asked for, or for none. */
export const countOf = (limit = DEFAULT_LIMIT): number => Math.min(limit, MAX_LIMIT)
