/**
 * Groups messages by day, and within a day by consecutive messages of one author. Includes the user's unsent messages, and the
 * notes about changes of the room.
 */
import type { Message, Outgoing, OutgoingChange } from '../../client/src/index.ts'
import type { NamedUser } from './mentions.ts'
import type { Note } from './notes.ts'
import { type Quote, quoteOf } from './quotes.ts'

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
  /** Set when the service has delivered the message. */
  readonly message?: Message
  /** The message that this one is a reply to. */
  readonly quote?: Quote
  /** The names of the mentioned users. Users whose name is unknown are omitted. */
  readonly mentioned: readonly string[]
  readonly mentionsMe: boolean
  /** Whether the message shows an edit that the service has not confirmed. */
  readonly isChanging: boolean
  /** Changes of the message that the service has refused. */
  readonly failed: readonly OutgoingChange[]
  /** The users who have read up to this message. Users whose name is unknown are omitted. */
  readonly readers: readonly NamedUser[]
  /** Whether the user has deleted the message and can still undo the deletion. */
  readonly isDeleting: boolean
}

/** Consecutive messages of one author, each less than `MAX_PAUSE_MS` after the previous one. */
export interface Group {
  readonly key: string
  readonly userId: number
  readonly username: string
  readonly isOwn: boolean
  readonly at: number
  readonly lines: Line[]
  /** Present in a group that has no messages and shows this note. */
  readonly note?: Note
  /** Present in a group that has no messages and shows the line “New messages”. */
  readonly isNewLine?: true
}

/** One day, in this browser's time zone. */
export interface Day {
  readonly key: string
  readonly at: number
  readonly groups: Group[]
}

/** The authenticated user. `id` is undefined until the service has sent it. */
interface CurrentUser {
  readonly id: number | undefined
  readonly username: string
}

/** The data that the lines show in addition to the messages. */
export interface Surroundings {
  /** The user's unconfirmed changes. */
  readonly changes: readonly OutgoingChange[]
  /** The `seq` of the messages whose deletion is delayed. */
  readonly deleting: ReadonlySet<number>
  /** The names of users, by id. */
  readonly names: ReadonlyMap<number, string>
  /** Changes of the room and of its members, ascending by `seq`. */
  readonly notes?: readonly Note[]
  /** The ids of the users who have read up to a message, by its `seq`. */
  readonly readers?: ReadonlyMap<number, readonly number[]>
  /** The `seq` of the first new message. */
  readonly newFrom?: number | undefined
  /**
   * Maps the `seq` of an own message to the key of its line. `groupMessages` adds keys and reuses the keys of earlier calls. A
   * line therefore keeps its key and the focus when its message is deleted.
   */
  readonly keys?: Map<number, string>
}

const MAX_PAUSE_MS = 5 * 60_000
const NOTHING: Surroundings = { changes: [], deleting: new Set(), names: new Map() }

export const groupMessages = (
  messages: readonly Message[],
  outgoing: readonly Outgoing[],
  me: CurrentUser,
  surroundings = NOTHING
): Day[] => {
  const days: Day[] = []
  const find = finder(messages, surroundings.deleting)
  const failed = failedByTarget(surroundings.changes)
  const { changes, names, deleting, keys = new Map<number, string>(), notes = [], newFrom, readers } = surroundings
  const changing = new Set(
    changes.flatMap(({ type, status, target }) => (type === 'edit' && status !== 'failed' ? target : []))
  )
  const namesOf = (ids: readonly number[] = []): string[] => ids.flatMap(id => names.get(id) ?? [])
  let noted = 0
  /** Adds the notes before the entry `seq`. */
  const addNotes = (seq: number): void => {
    for (let note = notes[noted]; note && note.seq < seq; note = notes[++noted]) addNote(days, note)
  }
  for (const message of messages) {
    addNotes(message.seq)
    const { seq, user_id: userId, username, nonce, content, unavailable, created_at, mentions = [] } = message
    const isOwn = userId === me.id
    if (seq === newFrom) addNewLine(days, Date.parse(created_at))
    if (isOwn && nonce !== undefined) keys.set(seq, `own-${nonce}`)
    const line: Line = {
      // Looks up the key, because a deleted message no longer has the nonce from which the key was made.
      key: (isOwn && keys.get(seq)) || `seq-${seq}`,
      content,
      ...(unavailable ? { unavailable } : {}),
      at: Date.parse(created_at),
      message,
      ...(message.reply_to === undefined ? {} : { quote: quoteOf(message.reply_to, find, message.reply) }),
      mentioned: namesOf(mentions),
      mentionsMe: me.id !== undefined && mentions.includes(me.id),
      isChanging: changing.has(seq),
      failed: failed.get(seq) ?? [],
      readers: (readers?.get(seq) ?? []).flatMap(id => {
        const username = names.get(id)
        return username === undefined ? [] : { id, username }
      }),
      isDeleting: deleting.has(seq) && content !== null
    }
    add(days, line, { userId, username, isOwn })
  }
  addNotes(Number.POSITIVE_INFINITY)
  for (const one of outgoing) {
    const { nonce, content, createdAt: at } = one
    const author = { userId: me.id ?? 0, username: me.username, isOwn: true }
    const line: Line = {
      key: `own-${nonce}`,
      content,
      at,
      outgoing: one,
      ...(one.replyTo === undefined ? {} : { quote: quoteOf(one.replyTo, find) }),
      mentioned: namesOf(one.mentions),
      mentionsMe: false,
      isChanging: false,
      failed: [],
      readers: [],
      isDeleting: false
    }
    add(days, line, author)
  }
  return days
}

/** Returns a function that finds a message by its `seq`. The message has no content while its deletion is delayed. */
const finder = (messages: readonly Message[], deleting: ReadonlySet<number>) => {
  // Created only when a quote needs it, because many rooms have no quotes.
  let bySeq: Map<number, Message> | undefined
  return (seq: number): Message | undefined => {
    bySeq ??= new Map(messages.map(message => [message.seq, message]))
    const message = bySeq.get(seq)
    return message && deleting.has(seq) ? { ...message, content: null, unavailable: 'erased' } : message
  }
}

const failedByTarget = (changes: readonly OutgoingChange[]): Map<number, OutgoingChange[]> => {
  const failed = new Map<number, OutgoingChange[]>()
  for (const change of changes) {
    if (change.status !== 'failed') continue
    failed.set(change.target, [...(failed.get(change.target) ?? []), change])
  }
  return failed
}

type Author = Pick<Group, 'userId' | 'username' | 'isOwn'>

const add = (days: Day[], line: Line, author: Author): void => {
  const day = dayOf(days, line.at)
  const group = day.groups.at(-1)
  const previous = group?.lines.at(-1)
  const isClose = previous && line.at - previous.at < MAX_PAUSE_MS && group?.isOwn === author.isOwn
  if (group && isClose && (author.isOwn || group.userId === author.userId)) group.lines.push(line)
  else day.groups.push({ ...author, key: line.key, at: line.at, lines: [line] })
}

const addNote = (days: Day[], note: Note): void => {
  const { seq, at, userId, username } = note
  dayOf(days, at).groups.push({ key: `seq-${seq}`, userId, username, isOwn: false, at, lines: [], note })
}

const addNewLine = (days: Day[], at: number): void => {
  dayOf(days, at).groups.push({ key: 'new', userId: 0, username: '', isOwn: false, at, lines: [], isNewLine: true })
}

/** Returns the last day. If the time is on a later day, adds that day and returns it. */
const dayOf = (days: Day[], at: number): Day => {
  const key = new Date(at).toDateString()
  const last = days.at(-1)
  // If this browser's clock is slow, the user's unsent message must not start an earlier day.
  if (last && (last.key === key || at <= last.at)) return last
  const day = { key, at, groups: [] }
  days.push(day)
  return day
}
