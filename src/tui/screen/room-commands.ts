/** Parses and runs the commands about members, private rooms and direct rooms. */
import { type ChatApi, ChatApiError, type Member } from '../../../client/src/index.ts'

export interface RoomCommand {
  readonly kind: 'dm' | 'members' | 'invite' | 'kick' | 'leave' | 'private'
  readonly argument: string
}

const COMMAND = /^\/(dm|members|invite|kick|leave|private)(?: +(.*?))? *$/

/** Parses a command of one line. */
export const parseRoomCommand = (text: string): RoomCommand | undefined => {
  const [, kind, argument = ''] = COMMAND.exec(text) ?? []
  return kind === undefined ? undefined : { kind: kind as RoomCommand['kind'], argument }
}

export interface RoomCommandOptions {
  readonly api: ChatApi
  /** The name of the current room. */
  readonly room: string
  /** Goes to a room, and shows `notice` there. */
  readonly openRoom: (name: string, notice?: string) => void
  /** Shows a text in the room in which the command was typed. */
  readonly notify: (text: string) => void
}

const PAGE = 100
const USAGE = {
  dm: 'Type /dm NAME, or several names.',
  invite: 'Type /invite NAME.',
  kick: 'Type /kick NAME.',
  members: 'Type /members without a text.',
  leave: 'Type /leave without a text.'
}

/** Runs a command. Never rejects. Reports results and errors to the user with `notify`. */
export const runRoomCommand = async (command: RoomCommand, options: RoomCommandOptions): Promise<void> => {
  const { kind, argument } = command
  const takesName = kind === 'dm' || kind === 'invite' || kind === 'kick'
  if (kind !== 'private' && takesName !== (argument !== '')) return options.notify(USAGE[kind])
  try {
    await RUN[kind](argument, options)
  } catch (error) {
    options.notify(sentenceOf(error))
  }
}

const RUN: Record<RoomCommand['kind'], (argument: string, options: RoomCommandOptions) => Promise<void>> = {
  async dm(argument, { api, openRoom }) {
    const names = argument.split(/[\s,]+/).filter(name => name !== '')
    const users: number[] = []
    // One search at a time, so that many names do not reach a limit of the service.
    for (const name of names) users.push((await findUser(api, name)).user_id)
    const { room } = await api.openDirect(users)
    openRoom(room)
  },
  async members(_, { api, room, notify }) {
    const { members, has_more: hasMore } = await api.members(room, { limit: PAGE })
    if (members.length === 0) return notify('This room has no members.')
    notify(`${hasMore ? 'The first members' : 'Members'}: ${members.map(memberText).join(', ')}`)
  },
  async invite(argument, { api, room, notify }) {
    const { user_id } = await findUser(api, argument)
    const { username } = await api.putMember(room, user_id)
    // Notifies even if the log gets no entry, for example because the user was a member already.
    notify(`${username} is a member of this room.`)
  },
  async kick(argument, { api, room }) {
    await api.removeMember(room, (await findMember(api, room, argument)).user_id)
  },
  async leave(_, { api, room, notify }) {
    await api.removeMember(room, 'me')
    notify('You are no longer a member of this room.')
  },
  async private(title, { api, openRoom }) {
    const { room } = await api.createRoom({ visibility: 'private', ...(title === '' ? {} : { title }) })
    openRoom(room, 'You created this private room. Add users with /invite NAME.')
  }
}

const memberText = ({ username, role }: Member): string => (role === 'member' ? username : `${username} (${role})`)

const plainName = (name: string): string => name.replace(/^@/, '').toLowerCase()

/** Returns a predicate that compares usernames as the service does, regardless of case. */
const isNamed = (name: string): ((user: { readonly username: string }) => boolean) => {
  const plain = plainName(name)
  return ({ username }) => username.toLowerCase() === plain
}

const findUser = async (api: ChatApi, name: string): Promise<{ readonly user_id: number }> => {
  const { users } = await api.searchUsers(plainName(name), PAGE)
  const user = users.find(isNamed(name))
  if (!user) throw new Error(`There is no user ${name}.`)
  return user
}

/** Finds a member by name. A page may be empty although there are more members, because only some are searched per request. */
const findMember = async (api: ChatApi, room: string, name: string): Promise<Member> => {
  let after: number | undefined = 0
  while (after !== undefined) {
    const page: Awaited<ReturnType<ChatApi['members']>> = await api.members(room, { query: plainName(name), after })
    const member = page.members.find(isNamed(name))
    if (member) return member
    after = page.next
  }
  throw new Error(`${name} is not a member of this room.`)
}

const sentenceOf = (error: unknown): string => {
  if (error instanceof ChatApiError && error.code === 'not_found') return 'This service does not offer this command.'
  return error instanceof Error ? error.message : String(error)
}
