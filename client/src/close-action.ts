/**
 * Maps close codes to what the client does (docs/protocol.md, "Close codes"). A test compares the codes with the service's
 * catalog.
 */
import type { OfflineReason, WaitingReason } from './types.ts'

/** `reconnect`: connect again after a wait. `renew`: connect again with a new token. `stop`: don't connect again. */
export type CloseAction =
  | { readonly type: 'reconnect'; readonly reason: WaitingReason }
  | { readonly type: 'renew' }
  | { readonly type: 'stop'; readonly reason: OfflineReason }

export const FRAME_TOO_BIG = 1009
const RESTARTS: readonly number[] = [1012, 1013]
const DONE: readonly number[] = [1000, 1001]
const TOKEN = 4401
const NOT_ALLOWED = 4403

/** Returns what to do after a socket was closed with `code`. An unknown code is treated as a lost connection. */
export const closeActionOf = (code: number): CloseAction => {
  if (DONE.includes(code)) return { type: 'stop', reason: 'done' }
  if (RESTARTS.includes(code)) return { type: 'reconnect', reason: 'restart' }
  if (code === TOKEN) return { type: 'renew' }
  if (code === NOT_ALLOWED) return { type: 'stop', reason: 'not_allowed' }
  if (code >= 4400 && code < 4500) return { type: 'stop', reason: 'protocol_error' }
  if (code >= 4100 && code < 4200) return { type: 'reconnect', reason: 'limited' }
  return { type: 'reconnect', reason: 'lost' }
}
