/** Tests that a host application can create rooms and change their members. */
import { expect, test } from 'vitest'
import { createChat } from '../../src/host.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'
import { startHost } from '../support/start-host.ts'

const ROOMS = '/support/api/chat/rooms'

const start = async (options = {}) => {
  const host = await startHost(options)
  const get = (as: string, path: string) => host.call('GET', `${ROOMS}/${path}`, { as })
  /** Returns the stored roles in a room, by username. */
  const roles = async (room: string) => {
    const { schema, client } = host.database
    const rows = await client.query<{ username: string; role: string }>(
      `select users.username, member.role from "${schema}".members as member
       join "${schema}".users as users on users.id = member.user_id
       join "${schema}".rooms as room on room.id = member.room_id where room.name = $1`,
      [room]
    )
    return Object.fromEntries(rows.map(({ username, role }) => [username, role]))
  }
  return { ...host, get, roles }
}

test('creates a private room under the name of the host, and adds users before they use the chat', async () => {
  const { chat, get, roles, join } = await start()
  const room = await chat.createRoom({ room: 'order-17', title: 'Order 17', topic: 'Delivery', visibility: 'private' })
  expect(room).toEqual({
    room: 'order-17',
    title: 'Order 17',
    topic: 'Delivery',
    visibility: 'private',
    epoch: expect.any(String),
    oldest: 1,
    seq: 0
  })
  expect(await chat.createRoom({ room: 'order-17', visibility: 'private' })).toEqual(room)
  expect((await get('ann:Ann', 'order-17')).status).toBe(404)
  await chat.addMember('order-17', { id: 'ann', name: 'Ann' }, { role: 'owner' })
  await chat.addMember('order-17', { id: 'bob', name: 'Bob' })
  await chat.addMember('order-17', 'bob')
  expect(await roles('order-17')).toEqual({ Ann: 'owner', Bob: 'member' })
  expect((await get('ann:Ann', 'order-17')).body).toMatchObject({ role: 'owner', seq: 2 })
  const bob = await join('bob:Bob', {}, '?rooms=order-17')
  await bob.nextOf('subscribed')
  await chat.post({ room: 'order-17', as: { id: 'bot', name: 'Helper' }, content: 'Your order has left.' })
  expect(await bob.nextOf('message')).toMatchObject({ room: 'order-17', seq: 3, username: 'Helper' })
  await chat.removeMember('order-17', 'bob')
  expect(await bob.nextOf('membership')).toMatchObject({ seq: 4, event: 'removed' })
  expect(await bob.nextOf('unsubscribed')).toMatchObject({ room: 'order-17', reason: 'removed' })
  expect((await get('bob:Bob', 'order-17')).status).toBe(404)
})

test('adds up to 500 users at once, or nobody if one of them is unknown', async () => {
  const { chat, roles, join, call } = await start()
  await chat.createRoom({ room: 'team', visibility: 'private' })
  await chat.addMember('team', { id: 'ann', name: 'Ann' })
  await chat.addMember('team', { id: 'user-4', name: 'User 4' })
  await chat.removeMember('team', 'user-4')
  const ann = await join('ann:Ann', {}, '?rooms=team')
  await ann.nextOf('subscribed')
  const users = Array.from({ length: 500 }, (_, at) => ({ id: `user-${at}`, name: `User ${at}` }))
  await expect(chat.addMembers('team', [...users.slice(0, 3), 'nobody'])).rejects.toMatchObject({
    code: 'user_not_found'
  })
  expect(await roles('team')).toEqual({ Ann: 'member' })
  await chat.addMembers('team', users)
  await chat.addMembers('team', [...users.slice(0, 3), 'user-4', 'ann'])
  expect(Object.keys(await roles('team'))).toHaveLength(501)
  const added = await ann.nextOf('membership')
  expect(added).toMatchObject({ seq: 4, event: 'added', role: 'member', username: 'User 0', subject: added.user_id })
  expect(new Set(added.subjects).size, 'one entry lists all users').toBe(500)
  // A user who had been removed, and whom the batch added again, can subscribe to the room.
  const again = await join('user-4:User 4', {}, '?rooms=team')
  expect(await again.nextOf('subscribed')).toMatchObject({ room: 'team', seq: 4 })
  await chat.post({ room: 'team', as: { id: 'bot', name: 'Helper' }, content: 'Welcome!' })
  for (const socket of [ann, again]) expect(await socket.nextOf('message')).toMatchObject({ seq: 5 })
  const log = (await call('GET', `${ROOMS}/team/log?after=3`, { as: 'ann:Ann' })).body
  expect(log.entries).toMatchObject([{ seq: 4, subjects: added.subjects }, { seq: 5 }])
  await expect(chat.addMembers('team', [...users, 'user-1'])).rejects.toMatchObject({ code: 'validation_failed' })
})

test('changes roles, and rejects what is not possible', async () => {
  const { chat, call, roles } = await start()
  await chat.createRoom({ room: 'team' })
  await call('GET', '/support/api/users/me', { as: 'ann:Ann' })
  await chat.setRole('team', 'ann', 'owner')
  await chat.addMember('team', { id: 'bob', name: 'Bob' })
  expect(await roles('team')).toEqual({ Ann: 'owner', Bob: 'member' })
  await expect(chat.removeMember('team', 'ann')).rejects.toMatchObject({ code: 'last_owner' })
  await chat.setRole('team', 'bob', 'owner')
  await chat.removeMember('team', 'ann')
  expect(await roles('team')).toEqual({ Bob: 'owner' })
  await expect(chat.removeMember('team', 'ann')).rejects.toMatchObject({ code: 'user_not_found' })
  await expect(chat.addMember('team', 'nobody')).rejects.toMatchObject({ code: 'user_not_found' })
  await expect(chat.addMember('nowhere', 'bob')).rejects.toMatchObject({ code: 'room_not_found' })
  await expect(chat.addMember('NOWHERE', 'bob')).rejects.toMatchObject({ code: 'validation_failed' })
  await expect(chat.mute('team', 'bob', { reason: 'a\u202eb' })).rejects.toMatchObject({ code: 'validation_failed' })
  await expect(chat.setRole('team', 'bob', 'king' as 'owner')).rejects.toMatchObject({ code: 'validation_failed' })
  await chat.deleteUser('ann')
  await expect(chat.addMember('team', 'ann')).rejects.toMatchObject({ code: 'user_not_found' })
})

test('calls neither authorize nor a rate limit for its own changes, and both rules apply to its users', async () => {
  const { chat, get, call } = await start({ authorize: ({ user }: { user: { id: string } }) => user.id !== 'ann' })
  await chat.createRoom({ room: 'team', visibility: 'private' })
  await chat.addMember('team', { id: 'ann', name: 'Ann' })
  await chat.addMember('team', { id: 'bob', name: 'Bob' })
  expect((await get('ann:Ann', 'team')).status).toBe(404)
  expect((await get('bob:Bob', 'team')).status).toBe(200)
  expect((await get('cat:Cat', 'team')).status).toBe(404)
  expect((await call('GET', `${ROOMS}?mine=true`, { as: 'ann:Ann' })).body).toEqual({ rooms: [], has_more: false })
})

test('has neither a search for users nor direct rooms, unless the host turns them on', async () => {
  const { call } = await start()
  expect((await call('GET', '/support/api/users?query=bo', { as: 'ann' })).status).toBe(404)
  expect((await call('POST', '/support/api/chat/direct', { as: 'ann', body: { users: [2] } })).status).toBe(404)
  const other = await start({ userDirectory: true, directRooms: true })
  const { id } = (await other.call('GET', '/support/api/users/me', { as: 'bob:Bob' })).body
  expect((await other.call('GET', '/support/api/users?query=bo', { as: 'ann' })).body).toEqual({
    users: [{ user_id: id, username: 'Bob' }]
  })
  expect((await other.call('POST', '/support/api/chat/direct', { as: 'ann', body: { users: [id] } })).status).toBe(201)
})

test('rejects with unavailable before the chat is registered', async () => {
  const chat = createChat({ encryptionKey: ENCRYPTION_KEY, authenticate: () => null })
  for (const call of [
    () => chat.addMember('team', 'ann'),
    () => chat.addMembers('team', ['ann']),
    () => chat.removeMember('team', 'ann'),
    () => chat.setRole('team', 'ann', 'owner')
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'unavailable' })
  }
})

test('does not take a public room of a user for a private one', async () => {
  const { chat } = await start()
  await chat.createRoom({ room: 'board' })
  await expect(chat.createRoom({ room: 'board', visibility: 'private' })).rejects.toMatchObject({ code: 'room_taken' })
  expect(await chat.createRoom({ room: 'board', visibility: 'public' })).toMatchObject({ visibility: 'public' })
})
