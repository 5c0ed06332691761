/** Puts messages, and one's own on their way, into days and into groups of one person's in a row. */
import type { Message, Outgoing } from '../client/index.ts'

/** One message. */
export interface Line {
  /** Stays the same when an own message comes back from the service. */
  readonly key: string
  readonly content: string | null
  readonly unavailable?: Message['unavailable']
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Of one's own that isn't in the log yet. */
  readonly outgoing?: Outgoing
}

/** What one person said in a row, no more than some minutes apart. */
export interface Group {
  readonly key: string
  readonly userId: number
  readonly username: string
  readonly isOwn: boolean
  readonly at: number
  readonly lines: Line[]
}

/** One day, in this browser's time zone. */
export interface Day {
  readonly key: string
  readonly at: number
  readonly groups: Group[]
}

/** Who one is. */
interface Me {
  readonly id: number | undefined
  readonly username: string
}

const APART_MS = 5 * 60_000

export const arrange = (messages: readonly Message[], outgoing: readonly Outgoing[], me: Me): Day[] => {
  const days: Day[] = []
  for (const message of messages) {
    const { user_id: userId, username } = message
    const isOwn = userId === me.id
    add(days, lineOf(message, isOwn), { userId, username, isOwn })
  }
  for (const one of outgoing) {
    const { nonce, content, createdAt: at } = one
    const author = { userId: me.id ?? 0, username: me.username, isOwn: true }
    add(days, { key: `own-${nonce}`, content, at, outgoing: one }, author)
  }
  return days
}

const lineOf = ({ seq, nonce, content, unavailable, created_at }: Message, isOwn: boolean): Line => ({
  key: isOwn && nonce !== undefined ? `own-${nonce}` : `seq-${seq}`,
  content,
  ...(unavailable ? { unavailable } : {}),
  at: Date.parse(created_at)
})

type Author = Pick<Group, 'userId' | 'username' | 'isOwn'>

const add = (days: Day[], line: Line, author: Author): void => {
  const key = new Date(line.at).toDateString()
  let day = days.at(-1)
  // A clock that is behind the service's must not bring an old day back for one's own.
  if (!day || (day.key !== key && line.at > day.at)) {
    day = { key, at: line.at, groups: [] }
    days.push(day)
  }
  const group = day.groups.at(-1)
  const before = group?.lines.at(-1)
  const goesOn = before && line.at - before.at < APART_MS && group?.isOwn === author.isOwn
  if (group && goesOn && (author.isOwn || group.userId === author.userId)) group.lines.push(line)
  else day.groups.push({ ...author, key: line.key, at: line.at, lines: [line] })
}
