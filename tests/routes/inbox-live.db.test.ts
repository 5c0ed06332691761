/** Tests the live inbox of connected clients. */
import { expect, test } from 'vitest'
import { engine } from '../support/database.ts'
import { ROOMS, startRooms } from '../support/rooms.ts'
import type { Frame, SocketClient } from '../support/socket-client.ts'
import type { Person, RunningChat } from '../support/start-chat.ts'
import { startTwoProcesses } from '../support/two-processes.ts'

const start = async () => {
  const chat = await startRooms(['ann', 'bob', 'cat'])
  const [ann, bob, cat] = chat.people
  const post = async (person: Person, room: string, content = 'x', more: object = {}): Promise<number> =>
    (await chat.as(person, 'POST', `${ROOMS}/${room}/messages`, { content, ...more })).body.seq
  const open = async (person: Person) => {
    const socket = await chat.join(person, {}, '?rooms=&inbox=true')
    return { socket, first: await socket.nextOf('inbox') }
  }
  return { ...chat, ann, bob, cat, post, open }
}

/** Returns the next frame of the inbox with a room that `isWanted` accepts. */
const update = async (socket: SocketClient, isWanted: (room: Frame) => boolean): Promise<Frame> => {
  for (;;) {
    const frame = await socket.nextOf('inbox')
    const room = frame.rooms?.find(isWanted)
    if (room) return room
  }
}

const removal = async (socket: SocketClient): Promise<Frame> => {
  for (;;) {
    const frame = await socket.nextOf('inbox')
    if (frame.removed) return frame
  }
}

test('sends the whole inbox, and then one frame per second with the newest message, the same for everybody', async () => {
  const { ann, bob, create, put, post, open } = await start()
  await create(ann, { room: 'one', title: 'First' })
  await put(bob, 'one', 'me')
  await post(ann, 'one', 'before')
  const { socket, first } = await open(bob)
  expect(first).toEqual({
    type: 'inbox',
    first: true,
    rooms: [
      expect.objectContaining({
        room: 'one',
        title: 'First',
        messages: 1,
        unread: 1,
        last: expect.objectContaining({ excerpt: 'before' })
      })
    ],
    total: { unread_rooms: 1, mentions: 0 },
    has_more: false
  })
  const { socket: other } = await open(ann)
  for (let count = 0; count < 20; count++) await post(ann, 'one', `message ${count}`)
  const isLast = ({ last }: Frame) => last?.excerpt === 'message 19'
  const frame = { room: 'one', messages: 21, last: expect.objectContaining({ excerpt: 'message 19' }) }
  expect(await update(socket, isLast)).toEqual(frame)
  expect(await update(other, isLast)).toEqual(frame)
})

test('sends personal fields to the user only: marks of another connection, and mentions', async () => {
  const { ann, bob, create, put, post, open, as } = await start()
  await create(ann, { room: 'one' })
  await put(bob, 'one', 'me')
  const { socket } = await open(bob)
  await post(ann, 'one', 'x', { mentions: [bob.id] })
  expect(await update(socket, room => room.mentions === 1)).toEqual({
    room: 'one',
    role: 'member',
    read_messages: 0,
    mentions: 1,
    marked_unread: false
  })
  await as(bob, 'PUT', `${ROOMS}/one/read`, {})
  expect(await update(socket, room => room.read_messages === 1)).toMatchObject({ mentions: 0 })
  await as(bob, 'PUT', `${ROOMS}/one/read`, { unread: true })
  expect(await update(socket, room => room.marked_unread)).toMatchObject({ room: 'one', read_messages: 1 })
})

test('sends another role to the user only', async () => {
  const { ann, bob, create, put, open } = await start()
  await create(ann, { room: 'one' })
  await put(bob, 'one', 'me')
  const { socket } = await open(bob)
  await put(ann, 'one', bob.id, { role: 'moderator' })
  expect(await update(socket, room => room.role !== undefined)).toMatchObject({ room: 'one', role: 'moderator' })
})

test('shows an edit and a deletion of the newest message', async () => {
  const { ann, bob, create, put, post, open, as } = await start()
  await create(ann, { room: 'one' })
  await put(bob, 'one', 'me')
  const seq = await post(ann, 'one', 'secret')
  const { socket } = await open(bob)
  const path = `${ROOMS}/one/messages/${seq}`
  await as(ann, 'PATCH', path, { content: 'edited' })
  expect(await update(socket, ({ last }) => last?.excerpt === 'edited')).toMatchObject({ messages: 1, last: { seq } })
  await as(ann, 'DELETE', path)
  const { last } = await update(socket, room => room.last?.unavailable)
  expect(last).toMatchObject({ seq, unavailable: 'erased' })
  expect(last).not.toHaveProperty('excerpt')
})

test('shows the new name of a user in direct rooms and beside the newest message', async () => {
  const { ann, bob, cat, create, put, post, open, as, database } = await start()
  await create(ann, { room: 'one' })
  await put(bob, 'one', 'me')
  const seq = await post(ann, 'one', 'hello')
  const { room: direct } = (await as(ann, 'POST', '/api/chat/direct', { users: [bob.id] })).body
  await as(cat, 'POST', '/api/chat/direct', { users: [bob.id] })
  await post(ann, direct, 'hi')
  const { socket } = await open(bob)
  const { socket: own } = await open(ann)
  const { client, schema } = database
  await client.query(`update "${schema}".users set username = 'anna' where id = $1`, [ann.id])
  const person = { user_id: ann.id, username: 'anna' }
  const changed: Record<string, Frame> = {}
  while (!changed.one || !changed[direct]) {
    const room = await update(
      socket,
      ({ people, last }) => people?.[0].username === 'anna' || last?.username === 'anna'
    )
    if (room.room === 'one' || room.people) changed[room.room] = room
  }
  expect(changed.one).toEqual({ room: 'one', messages: 1, last: expect.objectContaining({ ...person, seq }) })
  expect(changed[direct]).toMatchObject({ people: [person], unread: 1, last: { ...person, excerpt: 'hi' } })
  expect(Object.keys(changed)).toHaveLength(2)
  // `people` contains only the other users of a direct room. In the inbox of the renamed user, `people` is therefore unchanged.
  expect(await update(own, ({ people }) => people)).toMatchObject({ people: [{ user_id: bob.id, username: 'bob' }] })
})

test('adds rooms as a whole, and removes those that the user leaves, is removed from, or hides', async () => {
  const { ann, bob, create, put, remove, post, open, as } = await start()
  const { socket, first } = await open(bob)
  expect(first.rooms).toEqual([])
  const { room } = await create(ann, { visibility: 'private', title: 'Secret' })
  await put(ann, room, bob.id)
  expect(await update(socket, one => one.room === room)).toMatchObject({
    title: 'Secret',
    visibility: 'private',
    role: 'member',
    messages: 0
  })
  const { room: own } = await create(bob, { room: 'own' })
  expect(await update(socket, one => one.room === own)).toMatchObject({ role: 'owner' })
  const direct = (await as(ann, 'POST', '/api/chat/direct', { users: [bob.id] })).body.room
  expect(await update(socket, one => one.room === direct)).toMatchObject({
    people: [{ user_id: ann.id, username: 'ann' }]
  })

  await remove(ann, room, bob.id)
  expect(await removal(socket)).toMatchObject({ removed: [room], total: { unread_rooms: 0, mentions: 0 } })
  await post(ann, room, 'after the removal')
  await as(bob, 'PUT', `${ROOMS}/${direct}/hidden`)
  expect((await removal(socket)).removed).toEqual([direct])
  await post(ann, direct, 'seen again')
  expect(await update(socket, one => one.room === direct)).toMatchObject({
    visibility: 'direct',
    unread: 1,
    last: { excerpt: 'seen again' }
  })
  await remove(bob, own, 'me')
  expect((await removal(socket)).removed).toEqual([own])
})

test('a client that did not ask for the inbox receives no frame of it, and a frame asks for it', async () => {
  const { ann, bob, create, put, post, join } = await start()
  await create(ann, { room: 'one' })
  await put(bob, 'one', 'me')
  const floor = await join(bob)
  const socket = await join(bob, {}, '?rooms=')
  socket.send({ type: 'inbox', ref: 'r' })
  expect(await socket.nextOf('inbox')).toMatchObject({ first: true, ref: 'r', rooms: [{ room: 'one' }] })
  await post(ann, 'one')
  await update(socket, ({ messages }) => messages === 1)
  expect((await floor.untilPong()).filter(({ type }) => type === 'inbox' || type === 'read')).toEqual([])
  for (let count = 0; count < 40; count++) socket.send({ type: 'inbox' })
  expect(await socket.nextOf('error')).toMatchObject({ code: 'rate_limited', retry_after_ms: expect.any(Number) })
})

const onTwo = async (options: Parameters<typeof startTwoProcesses>[0] = {}) => {
  const { one, two, sql } = await startTwoProcesses({ settings: { messageRateLimit: 0 }, ...options })
  const [ann, bob] = [await one.register('ann'), await one.register('bob')]
  const call = async (chat: RunningChat, { token }: Person, method: string, path: string, body?: object) =>
    (await chat.call(method, `${ROOMS}${path}`, { token, ...(body && { body }) })).body
  const { room } = await call(one, ann, 'POST', '', { visibility: 'private' })
  await call(one, ann, 'PUT', `/${room}/members/${bob.id}`)
  const socket = await two.join(bob, {}, '?rooms=&inbox=true')
  expect((await socket.nextOf('inbox')).rooms).toHaveLength(1)
  const post = (content: string) => call(one, ann, 'POST', `/${room}/messages`, { content })
  return { one, two, sql, ann, bob, call, room, socket, post }
}

test.runIf(engine === 'postgres')('messages, marks and memberships of another process reach the inbox', async () => {
  const { one, ann, bob, call, room, socket, post } = await onTwo()
  await post('hello')
  expect(await update(socket, ({ last }) => last?.excerpt === 'hello')).toMatchObject({ room, messages: 1 })
  await call(one, bob, 'PUT', `/${room}/read`, {})
  await update(socket, ({ read_messages }) => read_messages === 1)
  await call(one, ann, 'DELETE', `/${room}/members/${bob.id}`)
  expect((await removal(socket)).removed).toEqual([room])
  const { room: other } = await call(one, ann, 'POST', '', { visibility: 'private' })
  await call(one, ann, 'PUT', `/${other}/members/${bob.id}`)
  await update(socket, one => one.room === other)
})

test.runIf(engine === 'postgres')('nothing of a room follows the removal if no notification arrives', async () => {
  const { one, ann, bob, call, room, socket, post } = await onTwo({ isNotified: false })
  await post('before')
  await call(one, ann, 'DELETE', `/${room}/members/${bob.id}`)
  await post('after')
  const texts: string[] = []
  for (;;) {
    const frame = await socket.nextOf('inbox')
    texts.push(JSON.stringify(frame))
    if (frame.removed) break
  }
  expect(texts.join()).not.toContain('after')
  expect((await socket.untilPong()).filter(({ type }) => type === 'inbox')).toEqual([])
})
