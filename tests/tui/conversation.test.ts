/** Tests which lines the terminal client shows in which room, and which requests it makes, with a fake service. */
import { expect, test } from 'vitest'
import { createApis } from '../../src/tui/apis.ts'
import { createConversation } from '../../src/tui/screen/conversation.ts'
import { fakeService, historyPage, type Sent, settled, subscribedFrame } from '../support/fake-service.ts'

const membership = (seq: number, subject: number, event = 'added') => ({
  type: 'membership',
  id: seq,
  room: 'general',
  seq,
  user_id: 2,
  username: 'bob',
  subject,
  event,
  timestamp: '2026-01-31T12:00:00.000+00:00'
})

/** Starts a conversation in `general`. Requests whose path begins with an item of `held` wait until the test calls `respond`. */
const start = async (responses: { readonly [path: string]: object } = {}) => {
  const service = fakeService()
  const waiting: { path: string; respond: () => void }[] = []
  const held: string[] = []
  service.http(async path => {
    if (held.some(one => path.startsWith(one)))
      await new Promise<void>(respond => waiting.push({ path, respond: () => respond() }))
    const body = responses[path]
    if (body) return { body }
    if (path.includes('/messages')) return { body: historyPage(1, 0, { seq: 0 }) }
    return { status: 404, body: { code: 'room_not_found', detail: 'No such room.' } }
  })
  const conversation = createConversation({
    client: service.client,
    apis: createApis({ url: 'http://chat.test', fetch: service.fetch }),
    room: 'general',
    userOf: () => 'ada'
  })
  const socket = await service.socket(1)
  socket.greet()
  socket.receive(subscribedFrame(0, socket.take('subscribe')[0] as Sent))
  await settled()
  const requests = (part: string) => service.calls.map(({ path }) => path).filter(path => path.includes(part))
  const notices = () => conversation.view.notices.map(({ text }) => text)
  /** Waits until all lookups have ended. */
  const rest = async () => {
    for (let turn = 0; turn < 20; turn++) await settled()
  }
  return { ...service, conversation, socket, requests, notices, waiting, held, rest }
}

const roomOf = (room: string, more: object = {}) => ({
  room,
  title: null,
  topic: null,
  visibility: 'public',
  epoch: 'e',
  oldest: 1,
  seq: 0,
  ...more
})
const ROOM = '/api/chat/rooms'

test('shows a notice of a slow command in the room in which it was typed', async () => {
  const members = { room: 'general', members: [], has_more: false }
  const { conversation, notices, waiting, held, rest } = await start({ [`${ROOM}/general/members?limit=100`]: members })
  held.push(`${ROOM}/general/members`)
  conversation.submit('/members')
  await rest()
  conversation.submit('/room tea')
  await rest()
  expect(conversation.view.name).toBe('tea')
  for (const { respond } of waiting) respond()
  await rest()
  expect(notices()).toEqual([])
  conversation.submit('/room general')
  await rest()
  expect(notices()).toEqual(['This room has no members.'])
})

test('removes the lines and the title of a room from which the user was removed', async () => {
  const { conversation, socket, notices, rest } = await start({
    [`${ROOM}/general`]: roomOf('general', { title: 'Plans', visibility: 'private' }),
    [`${ROOM}/general/members?limit=100`]: { room: 'general', members: [], has_more: false }
  })
  await rest()
  expect(conversation.view.label).toBe('Plans (private)')
  socket.receive({ ...membership(1, 1), type: 'room', topic: 'Secret' }, membership(2, 1, 'removed'))
  await rest()
  expect(notices()).toEqual(['bob changed the topic to: Secret', 'bob removed you'])
  socket.receive({ type: 'unsubscribed', room: 'general', reason: 'removed' })
  await rest()
  expect(notices()).toEqual([])
  expect(conversation.view.label).toBe('#general')
  expect(conversation.view.room).toMatchObject({ status: 'left', messages: [] })
})

test('looks up one name at a time, and each name once', async () => {
  const eve = { user_id: 7, username: 'eve', role: 'member', joined_at: '2026-01-31T12:00:00.000+00:00' }
  const { socket, requests, notices, waiting, held, rest } = await start({
    [`${ROOM}/general/members?after=6&limit=1`]: { room: 'general', members: [eve], has_more: true, next: 7 }
  })
  held.push(`${ROOM}/general/members`)
  socket.receive(membership(1, 7), membership(2, 7, 'role_changed'), membership(3, 8))
  await rest()
  expect(waiting.map(({ path }) => path)).toEqual([`${ROOM}/general/members?after=6&limit=1`])
  held.pop()
  waiting[0]?.respond()
  await rest()
  expect(requests('members')).toHaveLength(2)
  expect(notices()).toEqual(['bob added eve', 'bob made eve a member', 'bob added user 8'])
})

test('goes to no room whose name is impossible, because the service would refuse every message', async () => {
  const { conversation, notices, rest } = await start()
  conversation.submit('/room Coffee')
  await rest()
  expect(notices().at(-1)).toContain('There is no room with the title Coffee.')
  expect(conversation.view.name).toBe('general')
})

test.for([
  ['tea', 'tea'],
  ['Tea', 'p.1'],
  ['TEA', 'p.1'],
  ['plans', 'p.2'],
  ['Plans', 'p.3'],
  ['coffee', 'coffee'],
  ['#tea', 'tea']
] as const)('goes with /room %s to the room %s', async ([text, name]) => {
  const rooms = [
    roomOf('p.1', { title: 'Tea' }),
    roomOf('p.2', { title: 'plans' }),
    roomOf('p.3', { title: 'Plans' }),
    roomOf('p.4', { title: '#tea' })
  ]
  const { conversation, notices, rest } = await start({
    [`${ROOM}?limit=100`]: { rooms, has_more: false },
    [`${ROOM}?mine=true&limit=100`]: { rooms: [], has_more: false },
    [`${ROOM}/tea`]: roomOf('tea')
  })
  conversation.submit('/rooms')
  await rest()
  expect(notices().at(-1)).toContain('Rooms:')
  conversation.submit(`/room ${text}`)
  await rest()
  expect(conversation.view.name).toBe(name)
})
