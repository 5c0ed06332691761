/** Provides typed functions with which users protect themselves: blocks, and reports of messages. */
import { type CallOptions, createCall } from './call.ts'
import type { BlockList } from './protocol.ts'

/** Blocks users and reports messages. The functions reject with `not_found` (404) if the service does not offer them. */
export interface SafetyApi {
  /** Lists the users whom this user has blocked. */
  blocks(): Promise<BlockList>
  /**
   * Blocks a user. The blocked user can't add this user to rooms. In the direct room of only these two users, neither can post.
   * In other rooms, the app has to hide the messages of blocked users. Error: `user_not_found` (404).
   */
  block(user: number): Promise<void>
  unblock(user: number): Promise<void>
  /** Reports a message to the moderators. A second report of the same message returns the id of the first report. */
  report(room: string, seq: number, reason?: string): Promise<{ readonly id: number }>
}

/** Creates the functions that call one service. */
export const createSafetyApi = (options: CallOptions): SafetyApi => {
  const call = createCall(options)
  const block = (user: number): string => `/api/users/me/blocks/${user}`
  return {
    blocks: () => call('GET', '/api/users/me/blocks'),
    block: user => call('PUT', block(user)),
    unblock: user => call('DELETE', block(user)),
    report: (room, seq, reason) =>
      call('POST', `/api/chat/rooms/${encodeURIComponent(room)}/messages/${seq}/report`, { body: { reason } })
  }
}
