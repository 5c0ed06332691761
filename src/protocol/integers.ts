/** Defines integers in the API: JSON integers below 2^53, which generated clients should read as 64-bit integers. */
import { type IntegerOptions, Type } from '@sinclair/typebox'

/** Creates the schema of an id or of a position in a log. */
export const Int64 = (options: IntegerOptions = {}) => Type.Integer({ format: 'int64', ...options })
