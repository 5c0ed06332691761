/** Whole numbers as the API carries them: JSON integers below 2^53, which generated clients should read as 64 bits. */
import { type IntegerOptions, Type } from '@sinclair/typebox'

/** An id or a place in a log. */
export const Int64 = (options: IntegerOptions = {}) => Type.Integer({ format: 'int64', ...options })
