/** Caches the titles of rooms and the names of users that the service has sent. Loads missing ones over HTTP. */
import type { ChatApi, ChatClient, Inbox, InboxItem, MembershipFrame, Room } from '../../../client/src/index.ts'
import { safeLine } from '../safe-text.ts'
import { countsOf } from './unread.ts'

type Details = Awaited<ReturnType<ChatApi['showRoom']>>

/** Maximum number of direct rooms whose members are loaded for a list of rooms. Each of these rooms needs a request. */
const MAX_DIRECT = 20
const PAGE = 100
/** The events after which the subject is not a member. */
const NOT_MEMBERS: readonly string[] = ['removed', 'left', 'banned', 'unbanned']
const ROOM_NAME = /^[a-z0-9][a-z0-9._:-]{0,63}$/

export interface Directory {
  /**
   * Returns the text that identifies a room for the user: the title of a private room, the names of the other members of a direct
   * room, or `#` and the name.
   */
  labelOf(room: Room): string
  /** Returns the text that identifies a room of the inbox for the user, like `labelOf`. */
  labelOfItem(item: InboxItem): string
  /**
   * Resolves with the name of the room that a text identifies: a room with exactly this name, else a room with this title or
   * label, regardless of case. If no such room is found, resolves with the text without a leading `#` if it is a valid room
   * name, else with undefined. Never rejects.
   */
  roomOf(text: string): Promise<string | undefined>
  /**
   * Loads the data that `labelOf` needs, unless it is already loaded. Resolves with whether any data was loaded. Never rejects.
   */
  load(name: string): Promise<boolean>
  /** Removes the title and the members of a room. */
  forget(name: string): void
  /** Returns a text that lists the rooms and their numbers of unread messages, one room per line. */
  list(): Promise<string>
  /** Returns the name of the subject of an entry. Never rejects. */
  subjectOf(entry: MembershipFrame, room: Room): Promise<string>
}

export const createDirectory = (client: ChatClient, inbox: Inbox): Directory => {
  const { api } = client
  const rooms = new Map<string, Details>()
  /** Maps the name of a direct or private room to the names of its other members. */
  const others = new Map<string, string>()
  const names = new Map<number, string>()
  let last: Promise<unknown> = Promise.resolve()

  /** Runs one lookup after another, so that many lookups do not exceed a rate limit of the service. */
  const inTurn = <T>(lookUp: () => Promise<T>): Promise<T> => {
    const result = last.then(lookUp)
    last = result.catch(() => {})
    return result
  }

  const learn = (users: readonly { readonly user_id: number; readonly username: string }[]): void => {
    for (const { user_id, username } of users) names.set(user_id, username)
  }

  const loadMembers = async (name: string): Promise<void> => {
    const { members } = await api.members(name, { limit: PAGE })
    learn(members)
    const isMe = (id: number): boolean => id === client.identity?.user_id
    others.set(
      name,
      members
        .filter(({ user_id }) => !isMe(user_id))
        .map(({ username }) => username)
        .join(', ')
    )
  }

  const keep = async (details: Details): Promise<void> => {
    const { room, visibility } = details
    if (visibility === 'direct' || visibility === 'private') await loadMembers(room)
    rooms.set(room, details)
  }

  /** Returns the label of a room. `people` are the names of the other members. */
  const textOf = (
    name: string,
    title: string | null | undefined,
    visibility: Details['visibility'] | undefined,
    people: string | undefined
  ): string => {
    if (visibility === 'private') return `${title ?? `#${name}`} (private)`
    return visibility === 'direct' && people ? `@${people}` : `#${name}`
  }

  const labelOfDetails = ({ room, title, visibility }: Details): string =>
    textOf(room, title, visibility, others.get(room))

  const labelOfItem = ({ room, title, visibility, people = [] }: InboxItem): string =>
    textOf(room, title, visibility, people.map(({ username }) => username).join(', '))

  const itemOf = (name: string): InboxItem | undefined => inbox.state.rooms.find(({ room }) => room === name)

  /** Returns the name of the room whose title or label is this text, regardless of case. Prefers the same case. */
  const titledOf = (given: string): string | undefined => {
    const all = [
      ...[...rooms.values()].map(details => ({ ...details, label: labelOfDetails(details) })),
      ...inbox.state.rooms.map(item => ({ ...item, label: labelOfItem(item) }))
    ]
    const wanted = given.toLowerCase()
    const found =
      all.find(({ title, label }) => given === title || given === label) ??
      all.find(({ title, label }) => wanted === title?.toLowerCase() || wanted === label.toLowerCase())
    return found?.room
  }

  const load = (name: string): Promise<boolean> =>
    inTurn(async () => {
      if (rooms.has(name)) return false
      try {
        await keep(await api.showRoom(name))
        return true
      } catch {
        return false
      }
    })

  /** Lists the rooms of the inbox, latest message first, and then the other public rooms. */
  const listInbox = async (): Promise<string[]> => {
    // The loop is short, because the number of memberships of a user is limited.
    while (inbox.state.hasMore) await inbox.more()
    const mine = inbox.state.rooms
    const known = new Set(mine.map(({ room }) => room))
    const { rooms: all } = await api.rooms({ limit: PAGE })
    // Leaves out direct rooms that are not in the inbox, because the user has hidden them.
    const added = all.filter(({ room, visibility }) => !known.has(room) && visibility !== 'direct')
    for (const details of added) rooms.set(details.room, details)
    const lineOf = (item: InboxItem): string => {
      const counts = countsOf(item)
      return `${labelOfItem(item)}${counts && `: ${counts}`}`
    }
    return [...mine.map(lineOf), ...added.map(labelOfDetails)]
  }

  /** Lists rooms of a service without an inbox: the first page of the readable rooms, and then the user's other rooms. */
  const listRooms = async (): Promise<string[]> => {
    const all = await api.rooms({ limit: PAGE })
    const mine = await api.rooms({ mine: true, limit: PAGE })
    const unique = new Map([...all.rooms, ...mine.rooms].map(details => [details.room, details]))
    const direct = [...unique.values()].filter(({ visibility }) => visibility === 'direct').slice(0, MAX_DIRECT)
    for (const { room } of direct) if (!others.has(room)) await loadMembers(room)
    for (const details of unique.values()) rooms.set(details.room, details)
    return [...unique.values()].map(labelOfDetails)
  }

  const list = async (): Promise<string> => {
    const { status } = inbox.state
    const hasInbox = status === 'live' || status === 'stale'
    const lines = await (hasInbox ? listInbox() : listRooms())
    return [hasInbox ? 'Rooms, latest message first:' : 'Rooms:', ...lines.map(safeLine)].join('\n')
  }

  return {
    labelOf({ name, state }) {
      const { title, visibility } = rooms.get(name) ?? {}
      // Ignores the inbox item of a room that the user has left. The inbox removes the item a little later, and the label must
      // not change then.
      const item = state.status === 'left' ? undefined : itemOf(name)
      const people = others.get(name) ?? item?.people?.map(({ username }) => username).join(', ')
      const shown = state.title === undefined ? (item?.title ?? title) : state.title
      return textOf(name, shown, visibility ?? item?.visibility, people)
    },
    labelOfItem,
    async roomOf(given) {
      const name = given.replace(/^#/, '')
      if (rooms.has(name) || itemOf(name)) return name
      const titled = titledOf(given)
      if (titled === undefined) return ROOM_NAME.test(name) ? name : undefined
      if (ROOM_NAME.test(name)) await load(name)
      return rooms.has(name) ? name : titled
    },
    load,
    forget(name) {
      rooms.delete(name)
      others.delete(name)
    },
    list: () => inTurn(list),
    async subjectOf({ subject, user_id, username, event }, room) {
      learn(room.state.messages)
      learn(room.state.presence?.users ?? [])
      learn([{ user_id, username }])
      await inTurn(async () => {
        if (names.has(subject) || NOT_MEMBERS.includes(event)) return
        const page = await api.members(room.name, { after: subject - 1, limit: 1 }).catch(() => ({ members: [] }))
        learn(page.members.filter(({ user_id: id }) => id === subject))
      })
      return names.get(subject) ?? `user ${subject}`
    }
  }
}
