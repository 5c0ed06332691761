/** Provides typed functions for invitations to rooms. */
import { type CallOptions, createCall } from './call.ts'
import type { InvitationPreview, RoomInvitation, RoomInvitationList } from './protocol.ts'

/**
 * The functions of invitations to rooms. They reject with `not_found` (404) if the service does not offer them. `create`, `list`
 * and `revoke` reject with `not_allowed` (403) for users who may not add people to the room.
 */
export interface InvitationApi {
  /** Creates an invitation. Default: ten people can use it within 168 hours. */
  create(room: string, terms?: { readonly expires_in_hours?: number; readonly uses?: number }): Promise<RoomInvitation>
  /** Lists the invitations that can be used. Members who aren't moderators see only their own. */
  list(room: string): Promise<RoomInvitationList>
  revoke(room: string, id: number): Promise<void>
  /** Returns the room to which an invitation leads. Error: `invitation_invalid` (404), for any code that does not work. */
  show(code: string): Promise<InvitationPreview>
  /** Joins the room of an invitation. Error: `invitation_invalid` (404). */
  accept(code: string): Promise<{ readonly room: string }>
}

/** Creates the functions that call one service. */
export const createInvitationApi = (options: CallOptions): InvitationApi => {
  const call = createCall(options)
  const ofRoom = (room: string): string => `/api/chat/rooms/${encodeURIComponent(room)}/invitations`
  const ofCode = (code: string): string => `/api/chat/invitations/${encodeURIComponent(code)}`
  return {
    create: (room, terms = {}) => call('POST', ofRoom(room), { body: terms }),
    list: room => call('GET', ofRoom(room)),
    revoke: (room, id) => call('DELETE', `${ofRoom(room)}/${id}`),
    show: code => call('GET', ofCode(code)),
    accept: code => call('POST', ofCode(code))
  }
}
