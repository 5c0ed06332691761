/** Defines the commands about members, private rooms, direct rooms and invitations. */
import type { Member } from '../../../client/src/index.ts'
import { type Command, NAME, NOTHING, TEXT } from './command-types.ts'
import { dayAndTimeOf } from './times.ts'
import { findMember, findUser, PAGE } from './users.ts'

export const MEMBER_COMMANDS = {
  dm: {
    usage: 'Type /dm NAME, or several names.',
    pattern: TEXT,
    async run([argument = ''], { api, openRoom }) {
      const names = argument.split(/[\s,]+/).filter(name => name !== '')
      const users: number[] = []
      // Searches for one name at a time, so that many names do not exceed a rate limit of the service.
      for (const name of names) users.push((await findUser(api, name)).user_id)
      const { room } = await api.openDirect(users)
      openRoom(room)
    }
  },
  members: {
    usage: 'Type /members without a text.',
    pattern: NOTHING,
    async run(_, { api, room, notify }) {
      const { members, has_more: hasMore } = await api.members(room, { limit: PAGE })
      if (members.length === 0) return notify('This room has no members.')
      notify(`${hasMore ? 'The first members' : 'Members'}: ${members.map(memberText).join(', ')}`)
    }
  },
  invite: {
    usage: 'Type /invite NAME, or /invite without a name for a link.',
    pattern: /^(\S*)$/,
    async run([name = ''], { api, apis, room, notify }) {
      if (name !== '') {
        const { user_id } = await findUser(api, name)
        const { username } = await api.putMember(room, user_id)
        // If the user was a member already, the log gets no entry, and this notice is the only response to the command.
        return notify(`${username} is a member of this room.`)
      }
      const { code, link, expires_at, uses_left } = await apis.invitations.create(room)
      const people = uses_left === 1 ? 'One person' : `${uses_left} people`
      notify(
        `${people} can join this room until ${dayAndTimeOf(expires_at)}, with /join ${code}${link ? ` or at ${link}` : ''}`
      )
    }
  },
  join: {
    usage: 'Type /join CODE, with the code or the link of an invitation.',
    pattern: /^(?:\S*#invite=)?([\w-]+)$/,
    async run([code = ''], { apis, openRoom }) {
      const { room } = await apis.invitations.accept(code)
      openRoom(room, 'You joined this room.')
    }
  },
  kick: {
    usage: 'Type /kick NAME.',
    pattern: NAME,
    async run([name = ''], { api, room }) {
      await api.removeMember(room, (await findMember(api, room, name)).user_id)
    }
  },
  leave: {
    usage: 'Type /leave without a text.',
    pattern: NOTHING,
    async run(_, { api, room, notify }) {
      await api.removeMember(room, 'me')
      notify('You are no longer a member of this room.')
    }
  },
  private: {
    usage: 'Type /private TITLE.',
    pattern: /^(.*)$/,
    async run([title = ''], { api, openRoom }) {
      const { room } = await api.createRoom({ visibility: 'private', ...(title === '' ? {} : { title }) })
      openRoom(room, 'You created this private room. Add users with /invite NAME.')
    }
  }
} satisfies Record<string, Command>

const memberText = ({ username, role }: Member): string => (role === 'member' ? username : `${username} (${role})`)
