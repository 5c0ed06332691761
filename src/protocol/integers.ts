/** Defines integers in the API: JSON integers below 2^53, which generated clients should read as 64 bits. */
import { type IntegerOptions, Type } from '@sinclair/typebox'

/** Describes an id, or a position in a log. */
export const Int64 = (options: IntegerOptions = {}) => Type.Integer({ format: 'int64', ...options })
