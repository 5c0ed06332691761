/** Converts entries to messages. Messages from frames and from HTTP have the same form in the SDK, that of HTTP. */
import type { Message } from './room-types.ts'

/** Returns a frame with a `seq`, or an entry of a list, as a message; undefined for an entry of another type. */
export const messageOf = (entry: { readonly [field: string]: unknown }): Message | undefined => {
  const { type = 'message', timestamp, ...fields } = entry
  if (type !== 'message') return undefined
  return Object.freeze({ ...fields, created_at: fields.created_at ?? timestamp }) as unknown as Message
}
