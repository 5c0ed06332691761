/** Exports the public schemas as `fastify-chat/schemas`. */
import type { MessageFrame, SendFrame } from './chat/kinds/message.ts'
import type { ClientFrame as ConnectionFrame, ServerFrame as ServiceFrame } from './protocol/frames.ts'

export { MessageFrame, SendFrame } from './chat/kinds/message.ts'
export { type SettingName, type Settings, SettingsInput } from './config/settings.ts'
export { components } from './protocol/components.ts'
export { AuthFrame, PingFrame, SubscribeFrame, TypingFrame, UnsubscribeFrame } from './protocol/frames/client.ts'
export {
  AckFrame,
  AuthenticatedFrame,
  ErrorFrame,
  Limits,
  PongFrame,
  ReconnectFrame,
  SystemFrame
} from './protocol/frames/connection.ts'
export {
  HeadsFrame,
  PresenceFrame,
  ResyncFrame,
  SubscribedFrame,
  TypingNotice,
  UnknownFrame,
  UnsubscribedFrame
} from './protocol/frames/room.ts'
export { EmailAddress, EmailBody, EmailChallenge, EmailVerification } from './protocol/http/emails.ts'
export { Entry, EntryList, Message, Meta, NewMessage, Nonce, RoomName } from './protocol/http/messages.ts'
export { Limit } from './protocol/http/paging.ts'
export { Problem } from './protocol/http/problems.ts'
export { AfterRoom, NewRoom, Presence, Room, RoomList } from './protocol/http/rooms.ts'
export { Entrance, Health, Liveness } from './protocol/http/service.ts'
export { AccessToken, Login, Password, Registration, User, Username } from './protocol/http/users.ts'
export { Timestamp } from './protocol/timestamp.ts'

/** A frame that clients may send. */
export type ClientFrame = SendFrame | ConnectionFrame
/** A frame that the service may send. */
export type ServerFrame = MessageFrame | ServiceFrame
