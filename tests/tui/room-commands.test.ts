/** Tests the commands about members and rooms, and the lines that describe changes of them. */
import { expect, test } from 'vitest'
import { type ChatApi, ChatApiError, type MembershipFrame, type RoomFrame } from '../../client/src/index.ts'
import { parseInput } from '../../src/tui/screen/commands.ts'
import { parseRoomCommand, type RoomCommand, runRoomCommand } from '../../src/tui/screen/room-commands.ts'
import { membershipLine, roomLines } from '../../src/tui/screen/room-lines.ts'

test.for([
  ['/dm bob', { kind: 'dm', argument: 'bob' }],
  ['/dm bob, eve ', { kind: 'dm', argument: 'bob, eve' }],
  ['/members', { kind: 'members', argument: '' }],
  ['/private', { kind: 'private', argument: '' }],
  ['/private Plans for May', { kind: 'private', argument: 'Plans for May' }],
  ['/leave  ', { kind: 'leave', argument: '' }],
  ['/kick\nbob', { kind: 'text', text: '/kick\nbob' }],
  ['/kicked bob', { kind: 'unknown', name: 'kicked' }],
  ['//leave', { kind: 'text', text: '/leave' }],
  ['/room #general', { kind: 'room', room: '#general' }],
  ['/room Plans for May ', { kind: 'room', room: 'Plans for May' }]
] as const)('parses %j', ([text, expected]) => {
  expect(parseInput(text)).toEqual(expected)
})

const bob = { user_id: 2, username: 'Bob', role: 'member', joined_at: '2026-01-31T12:00:00.000+00:00' } as const
const eve = { ...bob, user_id: 3, username: 'eve', role: 'owner' } as const

/** Runs a command. Returns the calls of the API, the opened room and the notices. */
const run = async (text: string, api: Partial<ChatApi>) => {
  const calls: unknown[][] = []
  const recorded = Object.fromEntries(
    Object.entries(api).map(([name, call]) => [
      name,
      (...given: unknown[]) => {
        calls.push([name, ...given])
        return (call as (...given: unknown[]) => unknown)(...given)
      }
    ])
  ) as unknown as ChatApi
  const notices: string[] = []
  let opened: string | undefined
  await runRoomCommand(parseRoomCommand(text) as RoomCommand, {
    api: recorded,
    room: 'p.1',
    openRoom: (name, notice) => {
      opened = name
      if (notice !== undefined) notices.push(notice)
    },
    notify: notice => void notices.push(notice)
  })
  return { calls, notices, opened }
}

const room = (name: string) => ({ room: name }) as Awaited<ReturnType<ChatApi['showRoom']>>
const directory: Partial<ChatApi> = {
  searchUsers: async query => ({
    users: [bob, { user_id: 9, username: 'bobby' }, eve].filter(one => one.username.toLowerCase().startsWith(query))
  })
}

test('opens a direct room with the users whose names are given', async () => {
  const openDirect = async () => room('d.1')
  const { calls, opened, notices } = await run('/dm @BOB, eve', { ...directory, openDirect })
  expect(calls.at(-1)).toEqual(['openDirect', [2, 3]])
  expect([opened, notices]).toEqual(['d.1', []])
  const unknown = await run('/dm bo', { ...directory, openDirect })
  expect([unknown.opened, unknown.notices]).toEqual([undefined, ['There is no user bo.']])
})

test('searches for one user at a time', async () => {
  let running = 0
  let most = 0
  const searchUsers: ChatApi['searchUsers'] = async query => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    return { users: [{ user_id: 2, username: query }] }
  }
  expect((await run('/dm bob eve mia', { searchUsers, openDirect: async () => room('d.1') })).opened).toBe('d.1')
  expect(most).toBe(1)
})

test('creates a private room with a title, and opens it', async () => {
  const { calls, opened, notices } = await run('/private Plans for May', { createRoom: async () => room('p.2') })
  expect(calls).toEqual([['createRoom', { visibility: 'private', title: 'Plans for May' }]])
  expect(opened).toBe('p.2')
  expect(notices[0]).toContain('/invite NAME')
})

test('lists, adds and removes members, and leaves', async () => {
  const members = async () => ({ room: 'p.1', members: [bob, eve], has_more: false })
  expect((await run('/members', { members })).notices).toEqual(['Members: Bob, eve (owner)'])
  const invited = await run('/invite bob', { ...directory, putMember: async () => bob })
  expect(invited.calls.at(-1)).toEqual(['putMember', 'p.1', 2])
  expect(invited.notices).toEqual(['Bob is a member of this room.'])
  const removeMember = async () => {}
  expect((await run('/leave', { removeMember })).calls).toEqual([['removeMember', 'p.1', 'me']])
})

test('finds the member to remove on a later page, and removes nobody with a similar name', async () => {
  const removeMember = async () => {}
  const members: ChatApi['members'] = async (_, { after = 0 } = {}) =>
    after === 0
      ? { room: 'p.1', members: [], has_more: true, next: 1 }
      : { room: 'p.1', members: [{ ...bob, user_id: 9, username: 'bobby' }, bob], has_more: false }
  expect((await run('/kick bob', { members, removeMember })).calls.at(-1)).toEqual(['removeMember', 'p.1', 2])
  const unknown = await run('/kick ob', { members, removeMember })
  expect(unknown.notices).toEqual(['ob is not a member of this room.'])
  expect(unknown.calls.some(([name]) => name === 'removeMember')).toBe(false)
})

test('shows how to use an incomplete command, and why a command failed', async () => {
  expect((await run('/dm', {})).notices).toEqual(['Type /dm NAME, or several names.'])
  expect((await run('/leave now', {})).notices).toEqual(['Type /leave without a text.'])
  const failing = (code: string) => async () => {
    throw new ChatApiError({ status: 400, code, detail: 'Make another member an owner first.' })
  }
  const refused = await run('/leave', { removeMember: failing('last_owner') })
  expect(refused.notices).toEqual(['Make another member an owner first.'])
  const missing = await run('/dm bob', { searchUsers: failing('not_found') })
  expect(missing.notices).toEqual(['This service does not offer this command.'])
})

const entry = (more: Partial<MembershipFrame>): MembershipFrame => ({
  type: 'membership',
  id: 1,
  room: 'p.1',
  seq: 1,
  user_id: 1,
  username: 'ada',
  subject: 2,
  event: 'added',
  timestamp: '2026-01-31T12:00:00.000+00:00',
  ...more
})

test.for([
  [{}, 7, 'ada added bob'],
  [{}, 1, 'You added bob'],
  [{}, 2, 'ada added you'],
  [{ role: 'owner' }, 7, 'ada added bob as an owner'],
  [{ user_id: 2, username: 'bob' }, 7, 'bob was added'],
  [{ user_id: 2, username: 'bob', event: 'joined' }, 7, 'bob became a member'],
  [{ user_id: 2, username: 'bob', event: 'left' }, 7, 'bob is no longer a member'],
  [{ event: 'removed' }, 7, 'ada removed bob'],
  [{ event: 'removed' }, 2, 'ada removed you'],
  [{ user_id: 2, event: 'removed' }, 2, 'You were removed'],
  [{ event: 'role_changed', role: 'moderator' }, 7, 'ada made bob a moderator'],
  [{ user_id: 2, event: 'role_changed', role: 'owner' }, 7, 'bob is now an owner']
] as const)('describes the change of a member %j for the user %i', ([more, userId, line]) => {
  expect(membershipLine(entry(more), 'bob', userId)).toBe(line)
})

test('describes changes of the title and the topic', () => {
  const { subject: _, event: __, ...fields } = entry({})
  const change = (more: Partial<RoomFrame>): RoomFrame => ({ ...fields, type: 'room', ...more })
  expect(roomLines(change({ title: 'Plans', topic: null }), 7)).toEqual([
    'ada changed the title to: Plans',
    'ada removed the topic'
  ])
  expect(roomLines(change({ topic: 'May' }), 1)).toEqual(['You changed the topic to: May'])
})
