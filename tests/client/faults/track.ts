/** Records what one user sent to a room and received from it, for the comparison with the log. */
import type { ChatClient, Outgoing, Room } from '../../../client/src/index.ts'

/** The user may lose a right before a message or change arrives, so the service may refuse it with these codes. */
const REFUSALS = ['muted', 'banned', 'room_archived', 'not_allowed', 'room_not_found', 'already_deleted', 'not_author']

export interface Track {
  readonly name: string
  /** The nonces of the sent messages, in order. */
  readonly sent: string[]
  /** The last state of each message and change that was sent, by nonce. */
  readonly outgoing: Map<string, Outgoing>
  /** The `seq` of each event `message`, and of each message of a loop over `messages()`. */
  readonly received: number[]
  readonly looped: number[]
  /** The `seq` of each event `update`, `membership`, `room` and `erasure`. */
  readonly updated: number[]
  /** The parts of the log that a resync skipped. */
  readonly skipped: { readonly after: number; readonly upTo: number }[]
  /** The `seq` of the newest entry when the user subscribed. Undefined if it is not known, because the user was added later. */
  from?: number
  room: Room
}

/** Subscribes to a room, for the first time or again, and records its events. */
export const enter = (
  { client, tracks, wrong }: { client: ChatClient; tracks: Map<string, Track>; wrong: string[] },
  name: string,
  onResync: () => void
): Track => {
  const room = client.room(name)
  const known = tracks.get(name)
  const track: Track = known ?? {
    name,
    sent: [],
    outgoing: new Map(),
    received: [],
    looped: [],
    updated: [],
    skipped: [],
    room
  }
  track.room = room
  tracks.set(name, track)
  room.on('message', ({ seq }) => track.received.push(seq))
  for (const event of ['update', 'membership', 'room', 'erasure'] as const)
    room.on(event, ({ seq }: { readonly seq: number }) => track.updated.push(seq))
  room.on('resync', ({ reason, isReplaced, after, upTo }) => {
    onResync()
    if (!isReplaced) return
    track.skipped.push({ after, upTo })
    if (reason !== 'epoch') wrong.push(`resync in ${name}: ${reason} after ${after} up to ${upTo}`)
  })
  room.on('outgoing', one => {
    track.outgoing.set(one.nonce, one)
    if (one.status === 'failed' && !REFUSALS.includes(`${one.error?.code}`))
      wrong.push(`failed in ${name}: ${one.type} ${one.content} ${one.error?.code}`)
  })
  void (async () => {
    for await (const { seq } of room.messages()) track.looped.push(seq)
  })()
  return track
}

/** Returns the `seq` of the last entry that the user has received. */
export const lastSeqOf = ({ received, updated, skipped }: Track): number =>
  Math.max(0, received.at(-1) ?? 0, updated.at(-1) ?? 0, skipped.at(-1)?.upTo ?? 0)

/** Returns whether the subscription has ended or was refused. */
export const isClosed = ({ room }: Track): boolean => room.state.status === 'left' || room.state.status === 'refused'
