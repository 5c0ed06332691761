/**
 * Lists the WebSocket frames that do not belong to a kind of entry. The frames of each kind are in src/chat/kinds. Frames are
 * JSON, and their unknown fields are ignored.
 */
import type { Static, TSchema } from '@sinclair/typebox'
import {
  AuthFrame,
  InboxCommand,
  PingFrame,
  ReadCommand,
  SubscribeFrame,
  TypingFrame,
  UnsubscribeFrame
} from './frames/client.ts'
import {
  AckFrame,
  AuthenticatedFrame,
  ErrorFrame,
  PongFrame,
  ReconnectFrame,
  SystemFrame
} from './frames/connection.ts'
import {
  HeadsFrame,
  InboxFrame,
  PresenceFrame,
  ReadNotice,
  ResyncFrame,
  SubscribedFrame,
  TypingNotice,
  UnknownFrame,
  UnsubscribedFrame
} from './frames/room.ts'

/** The schema of a frame, and a summary for the AsyncAPI document. */
interface Documented<Schema extends TSchema = TSchema> {
  readonly schema: Schema
  readonly summary: string
}

/** Maps the `type` of a frame to its schema and summary. */
export type DocumentedFrames = Readonly<Record<string, Documented>>

/** Defines the frames that a client may send, keyed by `type`, except frames that append an entry. */
export const connectionFrames = {
  subscribe: { schema: SubscribeFrame, summary: 'Subscribe to a room, and resume after an entry' },
  unsubscribe: { schema: UnsubscribeFrame, summary: 'End a subscription' },
  read: { schema: ReadCommand, summary: 'Mark a room as read or unread' },
  inbox: { schema: InboxCommand, summary: 'Receive the inbox and its changes' },
  typing: { schema: TypingFrame, summary: 'Report that the user is typing' },
  auth: { schema: AuthFrame, summary: 'Replace the token of the connection' },
  ping: { schema: PingFrame, summary: 'Request a pong' }
} satisfies DocumentedFrames
export type ClientFrame =
  | SubscribeFrame
  | UnsubscribeFrame
  | ReadCommand
  | InboxCommand
  | TypingFrame
  | AuthFrame
  | PingFrame

/** Defines the frames that the service may send, keyed by `type`, except entries of known kinds. */
export const serviceFrames = {
  system: { schema: SystemFrame, summary: 'Who the client is, and who joined or left a room' },
  unknown: { schema: UnknownFrame, summary: 'An entry of a kind that this process doesn’t support' },
  ack: { schema: AckFrame, summary: 'A sent message is committed' },
  subscribed: { schema: SubscribedFrame, summary: 'The subscription to a room is active' },
  resync: { schema: ResyncFrame, summary: 'Missed messages can’t all be delivered' },
  unsubscribed: { schema: UnsubscribedFrame, summary: 'The subscription to a room has ended' },
  heads: { schema: HeadsFrame, summary: 'The newest entry of each subscribed room' },
  typing: { schema: TypingNotice, summary: 'Someone is typing' },
  read: { schema: ReadNotice, summary: 'How far members have read a room' },
  inbox: { schema: InboxFrame, summary: 'Your rooms with unread messages, and changes of them' },
  presence: { schema: PresenceFrame, summary: 'Who is in a room' },
  reconnect: { schema: ReconnectFrame, summary: 'A planned shutdown: when to reconnect' },
  authenticated: { schema: AuthenticatedFrame, summary: 'The new token was accepted' },
  error: { schema: ErrorFrame, summary: 'A frame was rejected' },
  pong: { schema: PongFrame, summary: 'The response to ping' }
} satisfies DocumentedFrames
export type ServerFrame = {
  [Name in keyof typeof serviceFrames]: Static<(typeof serviceFrames)[Name]['schema']>
}[keyof typeof serviceFrames]
