/** Groups messages by day, and within a day by consecutive messages of one author. Includes the user's unsent messages. */
import type { Message, Outgoing } from '../../client/src/index.ts'

/** A message as the page shows it. */
export interface Line {
  /** Identifies the message. For the user's own message, the key stays the same when the service delivers the message. */
  readonly key: string
  readonly content: string | null
  readonly unavailable?: Message['unavailable']
  /** Time in milliseconds since the epoch. */
  readonly at: number
  /** Set for the user's own message until the service delivers the message. */
  readonly outgoing?: Outgoing
}

/** Consecutive messages of one author, each less than `MAX_PAUSE_MS` after the previous one. */
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

/** The user of this page; `id` is undefined until the service has sent it. */
interface CurrentUser {
  readonly id: number | undefined
  readonly username: string
}

const MAX_PAUSE_MS = 5 * 60_000

export const groupMessages = (messages: readonly Message[], outgoing: readonly Outgoing[], me: CurrentUser): Day[] => {
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
  // If this browser's clock is slow, the user's unsent message must not start an earlier day.
  if (!day || (day.key !== key && line.at > day.at)) {
    day = { key, at: line.at, groups: [] }
    days.push(day)
  }
  const group = day.groups.at(-1)
  const previous = group?.lines.at(-1)
  const isClose = previous && line.at - previous.at < MAX_PAUSE_MS && group?.isOwn === author.isOwn
  if (group && isClose && (author.isOwn || group.userId === author.userId)) group.lines.push(line)
  else day.groups.push({ ...author, key: line.key, at: line.at, lines: [line] })
}
