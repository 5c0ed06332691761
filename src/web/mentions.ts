/** Finds mentions (`@name`) in texts, and the users whose names complete a mention. */
import type { Message, RoomState, User } from '../../client/src/index.ts'

export type NamedUser = Pick<User, 'id' | 'username'>

/** Maximum number of mentions in a message. */
const MAX_MENTIONS = 20
/** Maximum number of users that the completion offers. */
const MAX_OFFERED = 8
const QUERY = /(?:^|[\s([{"'])@([^\s@]{0,50})$/u
const TOKEN = /(?<![\p{L}\p{N}_@])@([^\s@]{1,100})/gu
/** Matches a character of a name. A mention ends where no such character follows. */
const IN_NAME = '[\\p{L}\\p{N}_-]'

/**
 * Returns a map from user id to name: first the users who are online in the room, then the authors of the loaded messages, then
 * the members, if they are given.
 */
export const peopleOf = (
  { presence, messages }: Pick<RoomState, 'presence' | 'messages'>,
  members: ReadonlyMap<number, string> = new Map()
): Map<number, string> => {
  const people = new Map<number, string>()
  for (const { user_id, username } of presence?.users ?? []) people.set(user_id, username)
  for (let at = messages.length - 1; at >= 0; at--) {
    const message = messages[at]
    if (message && !people.has(message.user_id)) people.set(message.user_id, message.username)
  }
  for (const [id, username] of members) if (!people.has(id)) people.set(id, username)
  return people
}

/** Returns the names of the users whom the messages mention. Omits users whose name is unknown. */
export const mentionedPeople = (
  messages: readonly { readonly mentions?: readonly number[] }[],
  people: ReadonlyMap<number, string>
): Map<number, string> => {
  const mentioned = new Map<number, string>()
  for (const { mentions = [] } of messages) {
    for (const id of mentions) {
      const username = people.get(id)
      if (username !== undefined) mentioned.set(id, username)
    }
  }
  return mentioned
}

/** Returns the part of a mention before the caret, without the `@`. Returns undefined if the caret is not in a mention. */
export const mentionBefore = (text: string, caret: number): string | undefined =>
  QUERY.exec(text.slice(Math.max(0, caret - 60), caret))?.[1]

/** Returns the users whose names start with the query, followed by the users whose names contain it elsewhere. */
export const completionsOf = (
  query: string,
  people: ReadonlyMap<number, string>,
  me: number | undefined
): NamedUser[] => {
  const wanted = query.toLowerCase()
  const found = [...people]
    .map(([id, username]) => ({ id, username, at: username.toLowerCase().indexOf(wanted) }))
    .filter(({ id, at }) => at >= 0 && id !== me)
    .sort((one, other) => Math.sign(one.at) - Math.sign(other.at))
  return found.slice(0, MAX_OFFERED).map(({ id, username }) => ({ id, username }))
}

/**
 * Returns the ids of the users whom a text mentions. `chosen` contains the users whom the completion inserted. Their names may
 * contain spaces, so the text alone does not show where such a name ends.
 */
export const mentionsIn = (
  text: string,
  people: ReadonlyMap<number, string>,
  chosen: ReadonlyMap<number, string>
): number[] => {
  if (!text.includes('@')) return []
  const ids = new Map([...people].map(([id, username]) => [username.toLowerCase(), id]))
  const found = new Set<number>()
  for (const [id, username] of chosen) if (mentionPattern([username])?.test(text)) found.add(id)
  for (const [, token = ''] of text.matchAll(TOKEN)) {
    // Ignores punctuation after the name, as in `@ada, …`.
    const id = ids.get(token.toLowerCase()) ?? ids.get(token.toLowerCase().replace(/[^\p{L}\p{N}]+$/u, ''))
    if (id !== undefined) found.add(id)
  }
  return [...found].slice(0, MAX_MENTIONS)
}

/**
 * Returns the ids of the users whom the new text of a message mentions. The former text may mention users whose names the page
 * doesn't know. The page can't tell which `@name` of the former text belongs to which of these users. All of them stay
 * mentioned as long as the new text contains one of the `@name`s that belong to no known user.
 */
export const mentionsInEdit = (
  text: string,
  { content, mentions = [] }: Pick<Message, 'content' | 'mentions'>,
  people: ReadonlyMap<number, string>,
  chosen: ReadonlyMap<number, string>
): number[] => {
  const known = mentionedPeople([{ mentions }], people)
  const found = mentionsIn(text, people, new Map([...known, ...chosen]))
  const unknown = mentions.filter(id => !people.has(id) && !chosen.has(id))
  const names = tokensOf(content ?? '').filter(token => mentionsIn(`@${token}`, people, known).length === 0)
  const isKept = tokensOf(text).some(token => names.includes(token))
  return [...new Set([...(isKept ? unknown : []), ...found])].slice(0, MAX_MENTIONS)
}

/** Returns the names that a text mentions, in lower case and without the punctuation after them. */
const tokensOf = (text: string): string[] =>
  [...text.matchAll(TOKEN)].map(([, token = '']) => token.toLowerCase().replace(/[^\p{L}\p{N}]+$/u, ''))

/** Splits a text at the mentions of the given names. */
export const splitAtMentions = (text: string, names: readonly string[]): { text: string; isMention: boolean }[] => {
  const pattern = mentionPattern(names)
  if (!pattern || !text.includes('@')) return [{ text, isMention: false }]
  const pieces: { text: string; isMention: boolean }[] = []
  let from = 0
  for (const match of text.matchAll(pattern)) {
    if (match.index > from) pieces.push({ text: text.slice(from, match.index), isMention: false })
    pieces.push({ text: match[0], isMention: true })
    from = match.index + match[0].length
  }
  if (from < text.length) pieces.push({ text: text.slice(from), isMention: false })
  return pieces
}

const mentionPattern = (names: readonly string[]): RegExp | undefined => {
  if (names.length === 0) return undefined
  // Puts longer names first, so that `@ada b` is not found as `@ada`.
  const longestFirst = [...names].sort((one, other) => other.length - one.length)
  const escaped = longestFirst.map(name => name.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  return new RegExp(`(?<![\\p{L}\\p{N}_@])@(?:${escaped.join('|')})(?!${IN_NAME})`, 'giu')
}
