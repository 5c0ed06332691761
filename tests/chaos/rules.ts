/**
 * Computes the members, roles, restrictions and settings of a room from its log. Finds entries that violate them: entries of
 * users who were banned, muted or not members, entries in an archived room, messages that slow mode forbids, and changes that
 * leave a room without an owner.
 */
import type { LogEntry } from './fold.ts'

type Role = 'member' | 'moderator' | 'owner'
type Restriction = 'ban' | 'mute'

/** The state of the room after the last entry of its log. */
export interface RoomRules {
  readonly roles: ReadonlyMap<number, string>
  /** The restrictions, such as `ban:7` for the user 7. Does not contain restrictions with an end. */
  readonly restrictions: ReadonlySet<string>
  readonly settings: Readonly<Record<string, unknown>>
  readonly faults: readonly string[]
}

export interface RulesOptions {
  readonly visibility: 'public' | 'private' | 'direct'
  /** The roles before the first entry, by user id. */
  readonly roles: ReadonlyMap<number, Role>
}

const RESTRICTIONS: Readonly<Record<string, [Restriction, boolean]>> = {
  muted: ['mute', true],
  unmuted: ['mute', false],
  banned: ['ban', true],
  unbanned: ['ban', false]
}
const SETTINGS = ['title', 'topic', 'slow_mode_seconds', 'archived', 'invite'] as const

export const rulesOf = (log: readonly LogEntry[], { visibility, roles: first }: RulesOptions): RoomRules => {
  const roles = new Map<number, string>(first)
  const restrictions = new Set<string>()
  const settings: Record<string, unknown> = {}
  const faults: string[] = []
  const lastPosts = new Map<number, number>()
  const hadOwner = [...first.values()].includes('owner')

  const forbid = (entry: LogEntry): string | undefined => {
    const { type, user_id: author, timestamp = '' } = entry
    // Deletions and erasures are always allowed. Erasures are appended by the service itself. When a ban deletes messages, the
    // author of the deletions is the moderator, who may have lost the role in the meantime.
    if (type === 'deletion' || type === 'erasure') return undefined
    // Users may append entries about their own membership before they are members, for example when they use an invitation.
    const isOwn = type === 'membership' && entry.subject === author
    if (visibility !== 'public' && !isOwn && !roles.has(author)) return 'not a member'
    if (restrictions.has(`ban:${author}`) && !(isOwn && entry.event === 'left')) return 'banned'
    if (restrictions.has(`mute:${author}`) && !isOwn) return 'muted'
    // An archived room may still get these entries. `joined` is appended after a message that was sent before the archiving,
    // and `left` is appended when an account is deleted.
    const isLate = entry.event === 'joined' || entry.event === 'left'
    if (settings.archived === true && type !== 'room' && !isLate) return 'in an archived room'
    const seconds = Number(settings.slow_mode_seconds ?? 0)
    if (type !== 'message' || seconds === 0) return undefined
    const before = lastPosts.get(author)
    lastPosts.set(author, Date.parse(timestamp))
    const isExempt = roles.get(author) === 'owner' || roles.get(author) === 'moderator'
    return !isExempt && before !== undefined && Date.parse(timestamp) - before < seconds * 1000
      ? 'too early'
      : undefined
  }

  const restrict = ({ subject = 0, until, event = '' }: LogEntry): void => {
    const [kind, isOn] = RESTRICTIONS[event] ?? []
    if (!kind) return
    restrictions.delete(`${kind}:${subject}`)
    // Ignores restrictions with an end, because no entry shows when they end.
    if (isOn && until === undefined) restrictions.add(`${kind}:${subject}`)
    if (event === 'banned') roles.delete(subject)
  }

  const changeMember = (entry: LogEntry): void => {
    const { subject = 0, event = '', role = 'member' } = entry
    if (['added', 'joined', 'role_changed'].includes(event)) roles.set(subject, role)
    else if (['removed', 'left'].includes(event)) roles.delete(subject)
    else restrict(entry)
  }

  const setSettings = (entry: LogEntry): void => {
    for (const name of SETTINGS) if (entry[name] !== undefined) settings[name] = entry[name]
    if (entry.slow_mode_seconds === 0) lastPosts.clear()
  }

  for (const entry of log) {
    const why = forbid(entry)
    if (why) faults.push(`the ${entry.type} ${entry.seq} is by a user (${entry.user_id}) who is ${why}`)
    if (entry.type === 'membership') changeMember(entry)
    if (entry.type === 'room') setSettings(entry)
    if (hadOwner && ![...roles.values()].includes('owner')) faults.push(`after ${entry.seq} the room has no owner`)
  }
  return { roles, restrictions, settings, faults: [...new Set(faults)] }
}
