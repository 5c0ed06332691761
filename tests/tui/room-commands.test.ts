/** Tests the commands about members and rooms, and the lines that describe changes of them. */
import { expect, test } from 'vitest'
import {
  type ChatApi,
  ChatApiError,
  type Inbox,
  type InvitationApi,
  type MembershipFrame,
  type ModerationApi,
  type PinFrame,
  type RoomFrame,
  type SafetyApi
} from '../../client/src/index.ts'
import { parseInput } from '../../src/tui/screen/commands.ts'
import { refusalText } from '../../src/tui/screen/refusals.ts'
import { parseRoomCommand, type RoomCommand, runRoomCommand } from '../../src/tui/screen/room-commands.ts'
import { membershipLine, pinLine, roomLines } from '../../src/tui/screen/room-lines.ts'

test.for([
  ['/dm bob', { kind: 'dm', argument: 'bob' }],
  ['/dm bob, eve ', { kind: 'dm', argument: 'bob, eve' }],
  ['/members', { kind: 'members', argument: '' }],
  ['/private', { kind: 'private', argument: '' }],
  ['/private Plans for May', { kind: 'private', argument: 'Plans for May' }],
  ['/leave  ', { kind: 'leave', argument: '' }],
  ['/kick\nbob', { kind: 'text', text: '/kick\nbob' }],
  ['/report 12 rude\nand loud', { kind: 'report', argument: '12 rude\nand loud' }],
  [`/mute bob ${'x'.repeat(400)}`, { kind: 'mute', argument: `bob ${'x'.repeat(400)}` }],
  ['/constructor', { kind: 'unknown', name: 'constructor' }],
  ['/kicked bob', { kind: 'unknown', name: 'kicked' }],
  ['//leave', { kind: 'text', text: '/leave' }],
  ['/room #general', { kind: 'room', room: '#general' }],
  ['/room Plans for May ', { kind: 'room', room: 'Plans for May' }],
  [`/room ${'x'.repeat(400)}`, { kind: 'room', room: 'x'.repeat(400) }],
  ['/room', { kind: 'unknown', name: 'room' }],
  ['/rooms  ', { kind: 'rooms' }],
  ['/who there', { kind: 'who' }],
  ['/who is there', { kind: 'text', text: '/who is there' }],
  ['/usr/bin', { kind: 'text', text: '/usr/bin' }],
  ['/who a\tb', { kind: 'text', text: '/who a\tb' }],
  [' /quit', { kind: 'text', text: ' /quit' }],
  ['/ quit', { kind: 'text', text: '/ quit' }]
] as const)('parses %j', ([text, expected]) => {
  expect(parseInput(text)).toEqual(expected)
})

const bob = { user_id: 2, username: 'Bob', role: 'member', joined_at: '2026-01-31T12:00:00.000+00:00' } as const
const eve = { ...bob, user_id: 3, username: 'eve', role: 'owner' } as const

type Functions = Partial<ChatApi & ModerationApi & SafetyApi & InvitationApi & Pick<Inbox, 'hide'>>

/** Runs a command. Returns the calls of the APIs, the opened room, the notices and the changes of the blocked users. */
const run = async (text: string, functions: Functions) => {
  const calls: unknown[][] = []
  const recorded = Object.fromEntries(
    Object.entries(functions).map(([name, call]) => [
      name,
      (...given: unknown[]) => {
        calls.push([name, ...given])
        return (call as (...given: unknown[]) => unknown)(...given)
      }
    ])
  ) as unknown as ChatApi & ModerationApi & SafetyApi & InvitationApi & Inbox
  const blocked: unknown[][] = []
  const notices: string[] = []
  let opened: string | undefined
  await runRoomCommand(parseRoomCommand(text) as RoomCommand, {
    api: recorded,
    apis: { moderation: recorded, safety: recorded, invitations: recorded },
    inbox: recorded,
    setBlocked: (...change) => void blocked.push(change),
    room: 'p.1',
    openRoom: (name, notice) => {
      opened = name
      if (notice !== undefined) notices.push(notice)
    },
    notify: notice => void notices.push(notice)
  })
  return { calls, notices, opened, blocked }
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

test('mutes and bans for a time and with a reason', async () => {
  const members = async () => ({ room: 'p.1', members: [bob], has_more: false })
  const mute = async () => {}
  expect((await run('/mute @bob', { members, mute })).calls.at(-1)).toEqual(['mute', 'p.1', 2, {}])
  const both = await run('/mute bob 90m too\nloud', { members, mute })
  const [, , , terms] = both.calls.at(-1) as [string, string, number, { until: string; reason: string }]
  expect(terms.reason).toBe('too\nloud')
  expect(Math.abs(Date.parse(terms.until) - Date.now() - 90 * 60_000)).toBeLessThan(10_000)
  expect(both.notices[0]).toMatch(/^Bob is muted until [\d-]+ [\d:]+\. \/unmute Bob ends it\.$/)
  const plain = await run('/mute bob 3hours of noise', { members, mute })
  expect(plain.calls.at(-1)).toEqual(['mute', 'p.1', 2, { reason: '3hours of noise' }])
  expect((await run('/mute', { members, mute })).notices[0]).toMatch(/^Type \/mute NAME/)
})

test('bans a user who is not a member, and ends a ban that is on a later page', async () => {
  const ban = async () => {}
  const unban = async () => {}
  const members = async () => ({ room: 'p.1', members: [], has_more: false })
  expect((await run('/ban bob', { ...directory, members, ban })).calls.at(-1)).toEqual(['ban', 'p.1', 2, {}])
  const restriction = { ...bob, by: 1, created_at: bob.joined_at }
  const restrictions: ModerationApi['restrictions'] = async (room, { after } = {}) =>
    after === undefined
      ? { room, restrictions: [{ ...restriction, kind: 'mute' }], has_more: true, next: 5 }
      : { room, restrictions: [{ ...restriction, kind: 'ban' }], has_more: false }
  const lifted = await run('/unban BOB', { restrictions, unban })
  expect(lifted.calls.map(([name]) => name)).toEqual(['restrictions', 'restrictions', 'unban'])
  expect((await run('/unban eve', { restrictions, unban })).notices).toEqual(['eve is not banned in this room.'])
})

test('lists muted and banned users, reports and invitations, and ends reports and invitations', async () => {
  const restriction = { ...bob, by: 1, created_at: bob.joined_at }
  const restrictions: ModerationApi['restrictions'] = async room => ({
    room,
    restrictions: [
      { ...restriction, kind: 'mute', until: '2026-02-01T12:00:00.000+00:00', reason: 'too\nloud' },
      { ...restriction, username: 'Eve', kind: 'ban' }
    ],
    has_more: true,
    next: 3
  })
  const [listed] = (await run('/restrictions', { restrictions })).notices
  expect(listed).toMatch(
    /\(the first 50\):\nBob is muted until [\d-]+ [\d:]+: too.*loud\nEve is banned without an end$/
  )
  const none = async (room: string) => ({ room, restrictions: [], has_more: false })
  expect((await run('/restrictions', { restrictions: none })).notices).toEqual([
    'Nobody is muted or banned in this room.'
  ])

  const report = { id: 3, room: 'p.1', seq: 7, content: 'Boo', created_at: bob.joined_at, state: 'open' } as const
  const reports: ModerationApi['reports'] = async () => ({
    reports: [
      { ...report, author: bob, reporter: eve, reason: 'rude' },
      // The service returns null for a deleted user.
      { ...report, id: 4, content: null, author: null as never, reporter: eve }
    ],
    has_more: false
  })
  const shown = await run('/reports', { reports })
  expect(shown.calls).toEqual([['reports', 'p.1', { state: 'open', limit: 50 }]])
  expect(shown.notices[0]?.split('\n').slice(1)).toEqual([
    'Report 3: #7 Bob: Boo (by eve: rude)',
    'Report 4: #7 a deleted user: (not available) (by eve)'
  ])
  const resolveReport = async () => {}
  expect((await run('/resolve 3', { resolveReport })).calls).toEqual([['resolveReport', 'p.1', 3, 'deleted']])
  expect((await run('/dismiss 3', { resolveReport })).calls).toEqual([['resolveReport', 'p.1', 3, 'dismissed']])
  expect((await run('/resolve', { resolveReport })).notices).toEqual([
    'Type /resolve NUMBER, with a number of /reports.'
  ])

  const invitation = { id: 5, ...bob, created_at: bob.joined_at, expires_at: bob.joined_at, uses_left: 2 }
  const list: InvitationApi['list'] = async room => ({ room, invitations: [invitation] })
  expect((await run('/invitations', { list })).notices[0]).toMatch(
    /\nInvitation 5: by Bob, 2 left, until [\d-]+ [\d:]+$/
  )
  expect((await run('/revoke 5', { revoke: async () => {} })).calls).toEqual([['revoke', 'p.1', 5]])
})

test('sets slow mode, and archives the room', async () => {
  const changeRoom = async () => room('p.1')
  const change = async (text: string) => (await run(text, { changeRoom })).calls.at(-1)?.[2]
  expect(await change('/slow 30')).toEqual({ slow_mode_seconds: 30 })
  expect(await change('/slow 0')).toEqual({ slow_mode_seconds: 0 })
  expect(await change('/slow 21601')).toBeUndefined()
  expect(await change('/slow')).toBeUndefined()
  expect(await change('/archive')).toEqual({ archived: true })
  expect(await change('/unarchive')).toEqual({ archived: false })
})

test('creates an invitation, and joins with a code or a link', async () => {
  const invitation = { id: 1, code: 'c0-de', expires_at: bob.joined_at, uses_left: 10 }
  const link = 'https://chat.test/#invite=c0-de'
  const withLink = await run('/invite', { create: async () => ({ ...invitation, link }) })
  expect(withLink.notices[0]).toMatch(/^10 people can join this room until .*, with \/join c0-de or at https:.*=c0-de$/)
  expect((await run('/invite', { create: async () => invitation })).notices[0]).toMatch(/with \/join c0-de$/)
  for (const given of ['c0-de', link]) {
    const { calls, opened } = await run(`/join ${given}`, { accept: async () => ({ room: 'p.2' }) })
    expect([calls, opened]).toEqual([[['accept', 'c0-de']], 'p.2'])
  }
})

test('reports, blocks and unblocks', async () => {
  const reported = await run('/report #12 rude', { report: async () => ({ id: 1 }) })
  expect(reported.calls).toEqual([['report', 'p.1', 12, 'rude']])
  expect((await run('/report rude', {})).notices[0]).toMatch(/^Type \/report #NUMBER/)
  const members = async () => ({ room: 'p.1', members: [bob], has_more: false })
  expect((await run('/block bob', { members, block: async () => {} })).blocked).toEqual([[2, true]])
  const blocks = async () => ({ blocks: [{ ...bob, created_at: bob.joined_at }] })
  expect((await run('/unblock bob', { blocks, unblock: async () => {} })).blocked).toEqual([[2, false]])
  expect((await run('/unblock eve', { blocks })).notices).toEqual(['You have not blocked eve. You have blocked: Bob'])
})

test.for([
  [{ code: 'muted', detail: 'You are muted.' }, 'You are muted. Ask a moderator to end the mute.'],
  [
    { code: 'banned', detail: 'A ban forbids this.', until: '2026-01-31T12:00:00' },
    'A ban forbids this. This ends on 2026-01-31 12:00.'
  ],
  [
    { code: 'slow_mode', detail: 'Wait.', retryAfterMs: 29_001 },
    'The room is in slow mode. Wait 30 seconds, then send the message again.'
  ],
  [{ code: 'not_allowed', detail: 'Ask an owner.' }, 'Ask an owner.']
] as const)('describes the refusal %j', ([refusal, text]) => {
  expect(refusalText(refusal)).toBe(text)
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
  [{ user_id: 2, event: 'role_changed', role: 'owner' }, 7, 'bob is now an owner'],
  [{ event: 'muted', until: '2026-01-31T12:00:00' }, 2, 'ada muted you until 2026-01-31 12:00'],
  [{ event: 'banned', reason: 'spam' }, 7, 'ada banned bob: spam'],
  [{ user_id: 2, event: 'unbanned' }, 7, 'bob was unbanned']
] as const)('describes the change of a member %j for the user %i', ([more, userId, line]) => {
  expect(membershipLine(entry(more), 'bob', userId)).toBe(line)
})

test('describes changes of the settings and of pins', () => {
  const { subject: _, event: __, ...fields } = entry({})
  const change = (more: Partial<RoomFrame>): RoomFrame => ({ ...fields, type: 'room', ...more })
  expect(roomLines(change({ title: 'Plans', topic: null }), 7)).toEqual([
    'ada changed the title to: Plans',
    'ada removed the topic'
  ])
  expect(roomLines(change({ topic: 'May' }), 1)).toEqual(['You changed the topic to: May'])
  expect(roomLines(change({ slow_mode_seconds: 90, archived: true, invite: 'moderators' }), 7)).toEqual([
    'ada set slow mode to 90 seconds',
    'ada archived the room: nobody can post',
    'ada allowed only moderators to add people'
  ])
  const pin: PinFrame = { ...fields, type: 'pin', target: 12, action: 'removed' }
  expect([pinLine(pin, 7), pinLine({ ...pin, action: 'added' }, 1)]).toEqual(['ada unpinned #12', 'You pinned #12'])
})
