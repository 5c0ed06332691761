/** Messages have one form in the SDK, that of HTTP, whatever brought them. */
import type { Message } from './room-types.ts'

/** A durable frame, or an item of a list, as a message; undefined if it is an entry of another kind. */
export const messageOf = (entry: { readonly [field: string]: unknown }): Message | undefined => {
  const { type = 'message', timestamp, ...fields } = entry
  if (type !== 'message') return undefined
  return Object.freeze({ ...fields, created_at: fields.created_at ?? timestamp }) as unknown as Message
}
