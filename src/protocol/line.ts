/** Defines the schema of texts in one line that other users see, such as titles, names and reasons. */
import { type SchemaOptions, type TUnsafe, Type } from '@sinclair/typebox'
import { NO_CONTROLS, NO_REORDERING } from '../lib/text.ts'

/** Describes one line of text with a visible character. `x-visible` is a keyword of src/protocol/validation.ts. */
export const lineOf = <T>(
  type: 'string' | readonly ['string', 'null'],
  maxLength: number,
  options: SchemaOptions
): TUnsafe<T> =>
  Type.Unsafe<T>({
    type,
    minLength: 1,
    maxLength,
    pattern: NO_CONTROLS,
    'x-rule': 'must have no control characters',
    'x-visible': true,
    allOf: [{ type, pattern: NO_REORDERING, description: 'must have no line separators or bidirectional controls' }],
    ...options
  })
