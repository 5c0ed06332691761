/** Tests members, private rooms and direct rooms of the SDK against the real service. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ChatClient, createChatClient, type Room } from '../../client/src/index.ts'
import { startChat } from '../support/start-chat.ts'

/** Starts the service with three users, each with a client. */
const start = async () => {
  const chat = await startChat()
  const join = async (username: string): Promise<{ id: number; client: ChatClient }> => {
    const { id, token } = await chat.register(username)
    const client = createChatClient({ url: chat.url, token, WebSocket, timing: { backoffBase: 20 } })
    onTestFinished(() => client.close())
    return { id, client }
  }
  return { ada: await join('ada'), bob: await join('bob'), eve: await join('eve') }
}

/** Resolves when the state of the room satisfies the condition. */
const until = (room: Room, isSo: (state: Room['state']) => boolean): Promise<void> =>
  new Promise(resolve => {
    if (isSo(room.state)) return resolve()
    const stop = room.on('change', state => {
      if (!isSo(state)) return
      stop()
      resolve()
    })
  })

const isLive = ({ status }: Room['state']): boolean => status === 'live'

const sent = async (room: Room, content: string): Promise<void> => {
  expect(await room.settled(room.send(content).nonce)).toMatchObject({ status: 'sent' })
}

test('creates a private room, lists it only for its members, and changes members and titles live', async () => {
  const { ada, bob, eve } = await start()
  const api = ada.client.api
  const { room: name, ...created } = await api.createRoom({ visibility: 'private', title: 'Plans', topic: 'Lunch' })
  expect(created).toMatchObject({ visibility: 'private', title: 'Plans', topic: 'Lunch', role: 'owner' })
  await expect(bob.client.api.showRoom(name)).rejects.toMatchObject({ status: 404, code: 'room_not_found' })
  expect((await api.searchUsers('bo')).users).toEqual([{ user_id: bob.id, username: 'bob' }])

  const room = ada.client.room(name)
  const changes: unknown[] = []
  room.on('membership', ({ subject, event, role }) => changes.push([subject, event, role]))
  await until(room, isLive)
  expect(await api.putMember(name, bob.id)).toMatchObject({ user_id: bob.id, username: 'bob', role: 'member' })
  expect(await api.putMember(name, bob.id, 'moderator')).toMatchObject({ role: 'moderator' })
  expect((await bob.client.api.rooms({ mine: true })).rooms).toMatchObject([{ room: name, role: 'moderator' }])
  expect((await bob.client.api.rooms({ query: 'PLAN' })).rooms).toMatchObject([{ room: name }])
  expect((await eve.client.api.rooms({ query: 'PLAN' })).rooms).toEqual([])

  const theirs = bob.client.room(name)
  await until(theirs, isLive)
  expect(await api.changeRoom(name, { title: 'New plans', topic: null })).toMatchObject({ title: 'New plans' })
  await until(theirs, ({ title }) => title === 'New plans')
  expect(theirs.state.topic).toBeNull()
  await expect(bob.client.api.changeRoom(name, { title: 'x' })).rejects.toMatchObject({ code: 'not_allowed' })
  await sent(room, 'hello')
  await until(theirs, ({ messages }) => messages.length === 1)
  expect(changes).toEqual([
    [bob.id, 'added', 'member'],
    [bob.id, 'role_changed', 'moderator']
  ])
  const page = await api.members(name, { limit: 1 })
  expect(page).toMatchObject({ members: [{ username: 'ada', role: 'owner' }], has_more: true, next: ada.id })
  expect((await api.members(name, { after: ada.id })).members).toMatchObject([{ username: 'bob' }])
  expect((await api.members(name, { query: 'OB' })).members).toMatchObject([{ username: 'bob' }])
  await expect(api.removeMember(name, 'me')).rejects.toMatchObject({ status: 409, code: 'last_owner' })
})

test('ends the room of a removed member, refuses their messages, and resumes after they were added again', async () => {
  const { ada, bob } = await start()
  const api = ada.client.api
  const { room: name } = await api.createRoom({ visibility: 'private' })
  await api.putMember(name, bob.id)
  const [mine, theirs] = [ada.client.room(name), bob.client.room(name)]
  await Promise.all([until(mine, isLive), until(theirs, isLive)])
  await sent(mine, 'one')
  await until(theirs, ({ messages }) => messages.length === 1)

  const seen: string[] = []
  theirs.on('message', ({ content }) => seen.push(`${content}`))
  theirs.on('membership', ({ event, subject }) => seen.push(`${event} ${subject}`))
  theirs.on('removed', ({ code }) => seen.push(code))
  await api.removeMember(name, bob.id)
  await until(theirs, ({ status }) => status === 'left')
  expect(seen).toEqual([`removed ${bob.id}`, 'removed'])
  const refused = theirs.send('too late')
  expect(await theirs.settled(refused.nonce)).toMatchObject({ status: 'failed', error: { code: 'room_not_found' } })
  expect(theirs.state.outgoing).toMatchObject([{ content: 'too late', status: 'failed' }])
  await sent(mine, 'two')

  await api.putMember(name, bob.id)
  const again = bob.client.room(name)
  const messages = again.messages()
  again.retry(refused.nonce)
  expect((await messages.next()).value).toMatchObject({ content: 'two' })
  expect((await messages.next()).value).toMatchObject({ content: 'too late' })
  await until(again, isLive)
  expect(again.state.outgoing).toEqual([])
  // `theirs`, the room object from before the removal, has received no further events.
  expect(seen).toHaveLength(2)
})

test('refuses a room from which its user was removed while disconnected', async () => {
  const { ada, bob } = await start()
  const { room: name } = await ada.client.api.createRoom({ visibility: 'private' })
  await ada.client.api.putMember(name, bob.id)
  const theirs = bob.client.room(name)
  await until(theirs, isLive)
  bob.client.close()
  await ada.client.api.removeMember(name, bob.id)
  const { nonce } = theirs.send('while away')
  bob.client.connect()
  await until(theirs, ({ status }) => status === 'refused')
  expect(theirs.state.error?.code).toBe('room_not_found')
  expect(await theirs.settled(nonce)).toMatchObject({ status: 'failed', error: { code: 'room_not_found' } })
})

test('opens one direct room for the same people, and lets users join and leave a public room', async () => {
  const { ada, bob, eve } = await start()
  const direct = await ada.client.api.openDirect([bob.id])
  expect(direct).toMatchObject({ visibility: 'direct', role: 'member' })
  expect((await bob.client.api.openDirect([ada.id])).room).toBe(direct.room)
  await expect(eve.client.api.showRoom(direct.room)).rejects.toMatchObject({ code: 'room_not_found' })
  await expect(ada.client.api.openDirect([2_000_000])).rejects.toMatchObject({ code: 'not_allowed' })
  expect(await eve.client.api.putMember('general', 'me')).toMatchObject({ username: 'eve', role: 'member' })
  expect((await eve.client.api.rooms({ mine: true })).rooms.map(({ room }) => room)).toEqual(['general'])
  expect(await eve.client.api.removeMember('general', 'me')).toBeUndefined()
  expect((await eve.client.api.rooms({ mine: true })).rooms).toEqual([])
})
