/** Describes in sentences why the service refused something, and what the user can do. */
import type { Refusal } from '../../../client/src/index.ts'
import { dayAndTimeOf, durationOf } from './times.ts'

/** The error of a room, of a message or of a request. */
export interface Refused extends Pick<Refusal, 'code' | 'detail'> {
  readonly until?: string | undefined
  readonly retryAfterMs?: number | undefined
}

export const refusalText = ({ code, detail, until, retryAfterMs }: Refused): string => {
  if (code === 'muted' && until === undefined) return `${detail} Ask a moderator to end the mute.`
  if (code === 'muted' || code === 'banned')
    return until === undefined ? detail : `${detail} This ends on ${dayAndTimeOf(until)}.`
  if (code === 'room_archived') return 'The room is archived, and nobody can post. An owner can type /unarchive.'
  if (code !== 'slow_mode' || retryAfterMs === undefined) return detail
  return `The room is in slow mode. Wait ${durationOf(Math.ceil(retryAfterMs / 1000))}, then send the message again.`
}
