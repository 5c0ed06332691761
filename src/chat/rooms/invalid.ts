/** Creates the errors for rules that the schema of a request does not express, such as rules that relate several fields. */
import { ChatError } from '../../protocol/errors.ts'

/** Returns `validation_failed` for one field. `path` is a JSON Pointer into the request. */
export const invalid = (path: string, message: string): ChatError =>
  new ChatError('validation_failed', `The request is not valid. ${message}`, { errors: [{ path, message }] })
