/** Finds users and members by their names. */
import type { ChatApi, Member } from '../../../client/src/index.ts'

/** Maximum number of users per request. */
export const PAGE = 100

const plainName = (name: string): string => name.replace(/^@/, '').toLowerCase()

/** Returns a predicate that compares usernames as the service does, regardless of case. */
export const isNamed = (name: string): ((user: { readonly username: string }) => boolean) => {
  const plain = plainName(name)
  return ({ username }) => username.toLowerCase() === plain
}

interface Found {
  readonly user_id: number
  readonly username: string
}

export const findUser = async (api: ChatApi, name: string): Promise<Found> => {
  const { users } = await api.searchUsers(plainName(name), PAGE)
  const user = users.find(isNamed(name))
  if (!user) throw new Error(`There is no user ${name}.`)
  return user
}

const memberOf = async (api: ChatApi, room: string, name: string): Promise<Member | undefined> => {
  let after: number | undefined = 0
  while (after !== undefined) {
    // Each request searches only some of the members, so a page may be empty although later pages are not. Only the last page
    // has no `next`.
    const page: Awaited<ReturnType<ChatApi['members']>> = await api.members(room, { query: plainName(name), after })
    const member = page.members.find(isNamed(name))
    if (member) return member
    after = page.next
  }
  return undefined
}

export const findMember = async (api: ChatApi, room: string, name: string): Promise<Member> => {
  const member = await memberOf(api, room, name)
  if (!member) throw new Error(`${name} is not a member of this room.`)
  return member
}

/**
 * Finds a member of the room, or else any user. The members are searched first, because a service may have no search for users.
 */
export const findPerson = async (api: ChatApi, room: string, name: string): Promise<Found> =>
  (await memberOf(api, room, name)) ?? findUser(api, name)
