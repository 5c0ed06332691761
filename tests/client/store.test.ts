/** Tests what the SDK stores across restarts: one user's unsent messages, and the last received `seq` of each room. */
import { expect, test } from 'vitest'
import type { Storage } from '../../client/src/index.ts'
import { fakeService, messageFrame, settled, subscribedFrame } from '../support/fake-service.ts'

/** Creates a synchronous and an asynchronous storage. Both have the same content, which a test can read in `kept`. */
const memory = () => {
  const kept = new Map<string, string>()
  const web = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key)
  }
  const asynchronous: Storage = {
    get: async key => kept.get(key),
    set: async (key, value) => void kept.set(key, value),
    remove: async key => void kept.delete(key)
  }
  return { kept, web, asynchronous }
}

test.for(['web', 'asynchronous'] as const)(
  'stores unsent messages and marks over a restart of the app (%s)',
  async kind => {
    const { kept, [kind]: storage } = memory()
    const before = fakeService({ storage })
    const room = before.client.room('general')
    const socket = await before.socket(1)
    socket.greet()
    socket.receive(subscribedFrame(4, socket.take('subscribe')[0] ?? {}), messageFrame(5))
    const { nonce } = room.send('not acknowledged')
    room.send('not sent')
    await settled()
    before.client.close()
    await settled()
    expect([...kept.keys()].sort()).toEqual(['fastify-chat:marks', 'fastify-chat:outbox'])

    const after = fakeService({ storage })
    const again = after.client.room('general')
    again.send('typed at once')
    const next = await after.socket(1)
    expect(again.state).toMatchObject({ status: 'catching_up', hasOlder: true })
    expect(again.state.outgoing.map(({ content }) => content)).toEqual([
      'not acknowledged',
      'not sent',
      'typed at once'
    ])
    next.greet()
    expect(next.take('subscribe')).toMatchObject([{ after: 5, epoch: 'e1' }])
    expect(next.take('message')).toMatchObject([{ nonce, content: 'not acknowledged' }])
  }
)

test('stores a message that is sent immediately before the client is closed', async () => {
  const { kept, web } = memory()
  const { client, socket } = fakeService({ storage: web })
  const room = client.room('general')
  await socket(1)
  room.send('last words')
  client.close()
  expect(kept.get('fastify-chat:outbox')).toContain('last words')
})

test('does not store acknowledged messages', async () => {
  const { kept, web } = memory()
  const { client, socket } = fakeService({ storage: web, storageKey: 'mine:' })
  client.room('general').send('hello')
  const current = await socket(1)
  current.greet()
  await settled()
  expect(JSON.parse(kept.get('mine:outbox') ?? '')).toMatchObject({ userId: 1, outgoing: [{ content: 'hello' }] })
  const [{ nonce } = {}] = current.take('message')
  current.receive({ type: 'ack', nonce, room: 'general', seq: 1, id: 1, timestamp: '' })
  await settled()
  expect(kept.has('mine:outbox')).toBe(false)
})

test('writes marks at most once per second, and when the client is closed', async () => {
  const { kept, web } = memory()
  let writes = 0
  const storage = {
    ...web,
    setItem(key: string, value: string) {
      writes++
      web.setItem(key, value)
    }
  }
  const { client, socket, timers } = fakeService({ storage })
  client.room('general')
  const current = await socket(1)
  current.greet()
  current.receive(subscribedFrame(0, current.take('subscribe')[0] ?? {}), messageFrame(1), messageFrame(2))
  expect(writes).toBe(0)
  await timers.advance(1000)
  expect(writes).toBe(1)
  current.receive(messageFrame(3))
  client.close()
  expect(JSON.parse(kept.get('fastify-chat:marks') ?? '')).toEqual({
    userId: 1,
    marks: { general: { seq: 3, epoch: 'e1' } }
  })
})

test('shows another user no data of the former user', async () => {
  const { web } = memory()
  const before = fakeService({ storage: web })
  before.client.room('general').send('from ada')
  ;(await before.socket(1)).greet()
  before.client.close()
  await settled()
  const after = fakeService({ storage: web })
  const room = after.client.room('general')
  const socket = await after.socket(1)
  socket.greet({ user_id: 2, username: 'bob' })
  expect(socket.take('message')).toEqual([])
  expect(room.state.outgoing).toEqual([])
})

test('removes the messages of the former user from memory when a new token belongs to another user, even if the room refuses the new user', async () => {
  let token = 'ada'
  const { client, socket } = fakeService({ token: () => token })
  const room = client.room('general')
  const first = await socket(1)
  first.greet()
  first.receive(subscribedFrame(0, first.take('subscribe')[0] ?? {}), messageFrame(1))
  expect(room.state.messages).toHaveLength(1)
  token = 'bob'
  client.close()
  client.connect()
  const second = await socket(2)
  second.greet({ user_id: 2, username: 'bob' })
  const { ref } = second.take('subscribe')[0] ?? {}
  second.receive({ type: 'error', code: 'room_not_found', detail: 'No such room.', room: 'general', ref })
  expect(room.state).toMatchObject({ status: 'refused', messages: [] })
})

test.for(['web', 'asynchronous'] as const)(
  'removes all stored data with forget(), even if writes are pending (%s)',
  async kind => {
    const { kept, [kind]: storage } = memory()
    const { client, socket } = fakeService({ storage })
    const room = client.room('general')
    const current = await socket(1)
    current.greet()
    current.receive(subscribedFrame(0, current.take('subscribe')[0] ?? {}), messageFrame(1))
    room.send('not acknowledged')
    await settled()
    expect(kept.size).toBeGreaterThan(0)
    room.send('typed in the last moment')
    await client.forget()
    await settled()
    client.close()
    await settled()
    expect([...kept]).toEqual([])
    expect(room.state.outgoing).toEqual([])
  }
)

test('has no read mark at first for a room that is named like a property of every object', async () => {
  const { client, socket } = fakeService({ storage: memory().web })
  client.room('constructor')
  const current = await socket(1)
  current.greet()
  expect(current.take('subscribe')[0]).not.toHaveProperty('epoch')
  expect(client.room('constructor').state.status).toBe('joining')
})

test('works without stored data when the storage fails or contains invalid data', async () => {
  const errors: string[] = []
  const storage: Storage = {
    get: key => (key.endsWith('outbox') ? '{"outgoing":7}' : 'not json'),
    set: () => {
      throw new Error('The quota has been exceeded.')
    },
    remove: () => {}
  }
  const { client, socket } = fakeService({ storage })
  client.on('error', ({ message }) => errors.push(message))
  client.room('general').send('hello')
  const current = await socket(1)
  current.greet()
  await settled()
  expect(current.take('message')).toMatchObject([{ content: 'hello' }])
  expect(errors).toContain('The quota has been exceeded.')
})
