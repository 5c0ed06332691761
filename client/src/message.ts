/** Converts entries to messages. In the SDK, all messages have the form of the HTTP API, those from frames too. */
import type { Message } from './room-types.ts'

/** Converts a frame with a `seq`, or an entry of a history page, to a message. Returns undefined for an entry of another type. */
export const messageOf = (entry: { readonly [field: string]: unknown }): Message | undefined => {
  const { type = 'message', timestamp, ...fields } = entry
  if (type !== 'message') return undefined
  return Object.freeze({ ...fields, created_at: fields.created_at ?? timestamp }) as unknown as Message
}
