/** What a close code asks of a client; PROTOCOL "Close codes". A test compares the codes with the service's catalogue. */
import type { OfflineReason, WaitingReason } from './types.ts'

/** `again`: come back, for this reason. `renew`: come back with another token. `stop`: don't. */
export type Advice =
  | { readonly does: 'again'; readonly reason: WaitingReason }
  | { readonly does: 'renew' }
  | { readonly does: 'stop'; readonly reason: OfflineReason }

export const FRAME_TOO_BIG = 1009
const RESTARTS: readonly number[] = [1012, 1013]
const DONE: readonly number[] = [1000, 1001]
const TOKEN = 4401
const NOT_ALLOWED = 4403

/** What to do after a socket was closed with `code`. A code that nobody listed is taken for a broken connection. */
export const adviceOf = (code: number): Advice => {
  if (DONE.includes(code)) return { does: 'stop', reason: 'done' }
  if (RESTARTS.includes(code)) return { does: 'again', reason: 'restart' }
  if (code === TOKEN) return { does: 'renew' }
  if (code === NOT_ALLOWED) return { does: 'stop', reason: 'not_allowed' }
  if (code >= 4400 && code < 4500) return { does: 'stop', reason: 'protocol_error' }
  if (code >= 4100 && code < 4200) return { does: 'again', reason: 'limited' }
  return { does: 'again', reason: 'lost' }
}
