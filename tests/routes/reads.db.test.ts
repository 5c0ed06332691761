/** Tests how members mark rooms as read, and who sees the marks. */
import { expect, test } from 'vitest'
import { engine } from '../support/database.ts'
import { ROOMS, startRooms } from '../support/rooms.ts'
import type { Frame, SocketClient } from '../support/socket-client.ts'
import { startTwoProcesses } from '../support/two-processes.ts'

const start = async (settings = {}) => {
  const chat = await startRooms(['ann', 'bob', 'cat'], { settings })
  const [ann, bob, cat] = chat.people
  await chat.create(ann, { room: 'team' })
  await chat.put(bob, 'team', 'me')
  const read = (person = ann, body?: object, room = 'team') => chat.as(person, 'PUT', `${ROOMS}/${room}/read`, body)
  const post = async (person = ann, content = 'x') =>
    (await chat.as(person, 'POST', `${ROOMS}/team/messages`, { content })).body.seq as number
  const marks = async (person = ann): Promise<Record<string, number>> => {
    const { members } = (await chat.as(person, 'GET', `${ROOMS}/team/members`)).body
    return Object.fromEntries(members.map(({ username, read_seq }: Frame) => [username, read_seq]))
  }
  return { ...chat, ann, bob, cat, read, post, marks }
}

/** The read mark of a member who has read only the entry about their membership. */
const UNREAD = 1

/** Returns the next `read` frame in which somebody has read a message. */
const readsOf = async (socket: SocketClient): Promise<Frame> => {
  const frame = await socket.nextOf('read')
  // Skips frames in which nobody has read a message. To receive `read` frames, a connection must first send one. The tests send
  // a frame that marks the room as unread, and that frame causes the skipped frames.
  return frame.reads.every(({ read_seq }: Frame) => read_seq === UNREAD) ? readsOf(socket) : frame
}

/** Returns the first `read` frame with a mark. Frames with earlier marks of the same user may come before it. */
const frameWith = async (socket: SocketClient, mark: { user_id: number; read_seq: number }): Promise<Frame> => {
  const frame = await readsOf(socket)
  const isThere = frame.reads.some(
    ({ user_id, read_seq }: Frame) => user_id === mark.user_id && read_seq === mark.read_seq
  )
  return isThere ? frame : frameWith(socket, mark)
}

test('a mark moves forward only, up to the newest entry, and only in the same epoch', async () => {
  const { ann, bob, read, post, marks, as } = await start()
  for (let count = 0; count < 3; count++) await post(bob)
  expect(await read(ann, { up_to: 2 })).toMatchObject({
    status: 200,
    body: { room: 'team', read_seq: 2, marked_unread: false }
  })
  expect((await read(ann, { up_to: 1 })).body.read_seq).toBe(2)
  expect((await read(ann, { up_to: 4, epoch: 'another' })).body.read_seq).toBe(2)
  const { epoch } = (await as(ann, 'GET', `${ROOMS}/team`)).body
  expect((await read(ann, { up_to: 3, epoch })).body.read_seq).toBe(3)
  expect((await read(ann, { up_to: 1e15 })).body.read_seq).toBe(4)
  await post(bob)
  expect((await read(ann)).body).toEqual({ room: 'team', read_seq: 5, marked_unread: false })
  expect((await read(ann, { unread: true })).body).toEqual({ room: 'team', read_seq: 5, marked_unread: true })
  expect((await read(ann, { up_to: 5, epoch: 'another' })).body.marked_unread).toBe(true)
  expect((await read(ann, { up_to: 1 })).body).toEqual({ room: 'team', read_seq: 5, marked_unread: false })
  expect((await marks()).ann).toBe(5)
})

test('only members of a room can mark it as read', async () => {
  const { ann, cat, read, create } = await start()
  expect(await read(cat, { up_to: 1 })).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  const { room } = await create(ann, { visibility: 'private' })
  expect(await read(cat, {}, room)).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
  expect((await read(ann, {}, room)).status).toBe(200)
  expect((await read(ann, { up_to: -1 })).status).toBe(422)
})

test('members see each other’s marks, and your other connections see yours', async () => {
  const { ann, bob, join, post } = await start()
  const seq = await post()
  const [one, two, floor] = [
    await join(ann, {}, '?rooms=team'),
    await join(bob, {}, '?rooms=team'),
    await join(bob, {}, '?rooms=team')
  ]
  for (const socket of [one, two]) socket.send({ type: 'read', room: 'team', unread: true })
  one.send({ type: 'read', room: 'team', up_to: seq - 1 })
  one.send({ type: 'read', room: 'team', up_to: seq })
  one.send({ type: 'read', room: 'team', up_to: 1, ref: 'x' })
  const mark = { user_id: ann.id, read_seq: seq }
  for (const socket of [two, one])
    expect(await frameWith(socket, mark)).toEqual({ type: 'read', room: 'team', reads: expect.any(Array) })
  expect((await floor.untilPong()).filter(({ type }) => type === 'read')).toEqual([])
})

test('without read receipts, only your own connections see your marks', async () => {
  const { ann, bob, join, post, marks } = await start({ readReceipts: false })
  const seq = await post()
  const [one, two, other] = [
    await join(ann, {}, '?rooms=team'),
    await join(ann, {}, '?rooms=team'),
    await join(bob, {}, '?rooms=team')
  ]
  for (const socket of [two, other]) socket.send({ type: 'read', room: 'team', unread: true })
  one.send({ type: 'read', room: 'team', up_to: seq })
  expect(await readsOf(two)).toEqual({ type: 'read', room: 'team', reads: [{ user_id: ann.id, read_seq: seq }] })
  other.send({ type: 'read', room: 'team', up_to: 1 })
  expect((await readsOf(other)).reads).toEqual([{ user_id: bob.id, read_seq: expect.any(Number) }])
  expect(await marks(ann)).toEqual({ ann: seq, bob: undefined })
})

test('a frame for a room that you may not read, or that does not exist, is ignored', async () => {
  const { ann, cat, create, join } = await start()
  const { room } = await create(ann, { visibility: 'private' })
  const socket = await join(cat, {}, '?rooms=')
  for (const name of [room, 'absent', 'team']) socket.send({ type: 'read', room: name, up_to: 1 })
  expect(await socket.untilPong()).toEqual([])
})

test('a frame without a mark only asks for the marks of others', async () => {
  const { ann, bob, join, post, read } = await start()
  const seq = await post()
  await read(bob, { unread: true })
  const socket = await join(bob, {}, '?rooms=team')
  socket.send({ type: 'read', room: 'team' })
  await socket.untilPong()
  await read(ann, { up_to: seq })
  expect((await readsOf(socket)).reads).toEqual([{ user_id: ann.id, read_seq: seq }])
  expect((await read(bob, { unread: true })).body.read_seq).toBeLessThan(seq)
})

test('your own message moves your mark', async () => {
  const { bob, post, marks } = await start()
  await post()
  const seq = await post(bob)
  await expect.poll(async () => (await marks()).bob).toBe(seq)
})

test('the collected marks are stored when the service stops', async () => {
  const { server, database, ann, bob, join, post } = await start()
  const seq = await post(bob)
  const socket = await join(ann, {}, '?rooms=')
  await database.client.query(`update "${database.schema}".members set read_seq = 0`)
  socket.send({ type: 'read', room: 'team', up_to: seq })
  await socket.untilPong()
  await server.close()
  const rows = await database.client.query<{ read: number }>(
    `select read_seq::integer as read from "${database.schema}".members where user_id = $1`,
    [ann.id]
  )
  expect(rows).toEqual([{ read: seq }])
})

test.runIf(engine === 'postgres')('marks reach the connections of another process', async () => {
  const { one, two } = await startTwoProcesses()
  const [ann, bob] = [await one.register('ann'), await one.register('bob')]
  const call = (chat: typeof one, person: typeof ann, method: string, path: string, body?: object) =>
    chat.call(method, path, { token: person.token, ...(body && { body }) })
  await call(one, ann, 'POST', ROOMS, { room: 'team' })
  await call(one, bob, 'PUT', `${ROOMS}/team/members/me`)
  const { seq } = (await call(one, ann, 'POST', `${ROOMS}/team/messages`, { content: 'x' })).body
  const socket = await two.join(bob, {}, '?rooms=team')
  socket.send({ type: 'read', room: 'team', unread: true })
  await call(one, ann, 'PUT', `${ROOMS}/team/read`, { up_to: seq })
  expect(await readsOf(socket)).toMatchObject({ reads: expect.arrayContaining([{ user_id: ann.id, read_seq: seq }]) })
  const [first, second] = await Promise.all([
    call(one, bob, 'PUT', `${ROOMS}/team/read`, { up_to: 1 }),
    call(two, bob, 'PUT', `${ROOMS}/team/read`, { up_to: seq })
  ])
  expect([first.status, second.status]).toEqual([200, 200])
  expect((await call(two, bob, 'PUT', `${ROOMS}/team/read`, { up_to: 1 })).body.read_seq).toBe(seq)
})

test('an epoch that the database cannot store does not delay the marks of others', async () => {
  const { ann, bob, read, join, post, marks } = await start()
  const seq = await post(ann)
  const [one, two] = [await join(ann, {}, '?rooms=team'), await join(bob, {}, '?rooms=team')]
  one.send({ type: 'read', room: 'team', up_to: seq, epoch: '\u0000' })
  two.send({ type: 'read', room: 'team', up_to: seq })
  await expect.poll(async () => (await marks(bob)).bob).toBe(seq)
  expect((await read(ann, { up_to: seq, epoch: '\u0000' })).status).toBe(422)
})
