/**
 * Converts log entries to messages. All messages of the SDK have the form of the HTTP API, also those that arrived in a frame.
 */
import type { Message } from './room-types.ts'

/**
 * Converts a frame that has a `seq`, or an entry of a history page, to a message. Returns undefined for an entry of another
 * type.
 */
export const messageOf = (entry: { readonly [field: string]: unknown }): Message | undefined => {
  const { type = 'message', timestamp, ...fields } = entry
  if (type !== 'message') return undefined
  return Object.freeze({ ...fields, created_at: fields.created_at ?? timestamp }) as unknown as Message
}
