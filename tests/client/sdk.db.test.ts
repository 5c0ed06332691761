/** Tests the SDK against the real service, without proxies. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  ChatApiError,
  type ChatClient,
  type ChatClientOptions,
  createChatApi,
  createChatClient,
  type Message,
  type Room
} from '../../client/src/index.ts'
import { fakeClock } from '../support/clock.ts'
import { PASSWORD, type RunningChat, startChat } from '../support/start-chat.ts'

const clientOf = (url: string, username: string, options: Partial<ChatClientOptions> = {}): ChatClient => {
  const token = async () => (await createChatApi({ url }).login(username, PASSWORD)).access_token
  const client = createChatClient({
    url,
    token,
    WebSocket,
    ...options
  })
  onTestFinished(() => client.close())
  return client
}

/** Resolves when the state of the room satisfies the condition. */
const until = (room: Room, isSo: (room: Room) => boolean): Promise<void> =>
  new Promise(resolve => {
    if (isSo(room)) return resolve()
    const stop = room.on('change', () => {
      if (!isSo(room)) return
      stop()
      resolve()
    })
  })

const stateOf = (client: ChatClient, status: string): Promise<void> =>
  new Promise(resolve => {
    if (client.state.status === status) return resolve()
    const stop = client.on('state', state => {
      if (state.status !== status) return
      stop()
      resolve()
    })
  })

const people = async (chat: RunningChat, ...names: string[]): Promise<void> => {
  for (const name of names) await chat.register(name)
}

test('registers, logs in, and uses rooms, history, publishing and presence over HTTP', async () => {
  const { url } = await startChat()
  const open = createChatApi({ url })
  const user = await open.register('ada', PASSWORD)
  const { access_token: token } = await open.login('ADA', PASSWORD)
  const api = createChatApi({ url, token })
  expect(await api.me()).toMatchObject(user)
  expect(await api.createRoom('support', 'Support')).toMatchObject({ room: 'support', title: 'Support', seq: 0 })
  expect((await api.rooms()).rooms.map(({ room }) => room)).toEqual(['general', 'support'])
  const first = await api.post('support', 'hello', { nonce: 'n1', meta: { a: 1 } })
  expect(await api.post('support', 'hello', { nonce: 'n1', meta: { a: 1 } })).toEqual(first)
  expect(await api.history('support')).toMatchObject({ messages: [first], has_more: false })
  expect(await api.showRoom('support')).toMatchObject({ seq: 1 })
  expect(await api.presence('support')).toMatchObject({ room: 'support', count: 0 })
  const refused = await open.register('x', 'short').catch(error => error)
  expect(refused).toBeInstanceOf(ChatApiError)
  expect(refused).toMatchObject({ status: 422, code: 'validation_failed' })
  expect(refused.errors.length).toBeGreaterThan(2)
})

test('delivers each message to two users once and in order, with presence and typing', async () => {
  const chat = await startChat()
  await people(chat, 'ada', 'bob')
  const [ada, bob] = [clientOf(chat.url, 'ada').room('general'), clientOf(chat.url, 'bob').room('general')]
  await Promise.all([
    until(ada, ({ state }) => state.status === 'live'),
    until(bob, ({ state }) => state.status === 'live')
  ])
  const heard: Message[] = []
  const listening = (async () => {
    for await (const message of bob.messages()) if (heard.push(message) === 3) return
  })()
  ada.typing()
  await until(bob, ({ state }) => state.typing.length > 0)
  for (const content of ['one', 'two', 'three']) ada.send(content, { meta: { content } })
  await listening
  expect(heard.map(({ content, meta }) => [content, meta?.content])).toEqual([
    ['one', 'one'],
    ['two', 'two'],
    ['three', 'three']
  ])
  await until(ada, ({ state }) => state.outgoing.length === 0 && state.presence?.count === 2)
  expect(ada.state.messages).toEqual(bob.state.messages)
  const { messages } = await createChatApi({ url: chat.url, token: (await chat.register('eve')).token }).history(
    'general'
  )
  expect(ada.state.messages).toEqual(messages)
})

test('shows edits, deletions, reactions and replies to two users and two tabs as the history does', async () => {
  const chat = await startChat({ settings: { messageRateLimit: 0 } })
  await people(chat, 'ada', 'bob')
  const clients = ['ada', 'ada', 'bob'].map(name => clientOf(chat.url, name))
  const rooms = clients.map(client => client.room('general'))
  const [ada, tab, bob] = rooms as [Room, Room, Room]
  await Promise.all(rooms.map(room => until(room, ({ state }) => state.status === 'live')))
  expect(clients[0]?.identity?.features).toEqual(expect.arrayContaining(['edit', 'deletion', 'reaction']))
  const settle = async (room: Room, { nonce }: { nonce: string }): Promise<number> => {
    const outcome = await room.settled(nonce)
    expect(outcome).toMatchObject({ status: 'sent' })
    return outcome?.seq ?? 0
  }
  const one = await settle(ada, ada.send('one'))
  const two = await settle(ada, ada.send('two', { meta: { a: 1 } }))
  const bobId = clients[2]?.identity?.user_id ?? 0
  await until(bob, ({ state }) => state.messages.length === 2)
  await settle(bob, bob.send('three', { replyTo: one, mentions: [bobId] }))
  // Two tabs edit and react at the same time. Both edits are stored, and one of the reactions changes nothing.
  const changes = [
    settle(ada, ada.edit(one, 'one, edited here')),
    settle(tab, tab.edit(one, 'one, edited in another tab', { meta: { b: 2 } })),
    settle(ada, ada.react(one, '👍')),
    settle(tab, tab.react(one, '👍')),
    settle(bob, bob.react(one, '❤️')),
    settle(bob, bob.react(two, '👍'))
  ]
  await Promise.all(changes)
  await settle(ada, ada.delete(two, { reason: 'sent twice' }))
  await settle(bob, bob.react(one, '❤️', { remove: true }))
  const last = await settle(ada, ada.send('last'))
  const refused = bob.edit(one, 'not mine')
  expect(await bob.settled(refused.nonce)).toMatchObject({ status: 'failed', error: { code: 'not_author' } })
  for (const [at, room] of rooms.entries()) {
    await until(room, ({ state }) => state.messages.at(-1)?.seq === last && state.outgoing.length === 0)
    const { messages, mine = {} } = (await clients[at]?.api.history('general')) ?? { messages: [] }
    expect(messages).toHaveLength(4)
    const expected = messages.map(one => ({ ...one, ...(mine[one.seq] ? { mine: mine[one.seq] } : {}) }))
    expect(room.state.messages).toEqual(expected)
  }
  expect(ada.state.messages[0]).toMatchObject({ reactions: [{ key: '👍', count: 1 }], mine: ['👍'] })
  expect(ada.state.messages[1]).toMatchObject({ content: null, unavailable: 'erased' })
  expect(ada.state.messages[2]).toMatchObject({ reply: { seq: one, excerpt: ada.state.messages[0]?.content } })
  expect([ada, tab].flatMap(({ state }) => state.changes)).toEqual([])
  expect(bob.state.changes).toMatchObject([{ nonce: refused.nonce, status: 'failed' }])
  const api = clients[0]?.api
  expect(await api?.message('general', one)).toMatchObject({ mine: ['👍'], changed_seq: expect.any(Number) })
  expect((await api?.reactions('general', one, '👍'))?.reactions).toMatchObject([{ key: '👍', username: 'ada' }])
  const reply = await api?.post('general', 'over HTTP', { replyTo: one, mentions: [bobId] })
  expect(reply).toMatchObject({ reply_to: one, mentions: [bobId] })
})

test('sends messages that were written while the service was down, after its restart', async () => {
  const chat = await startChat()
  await people(chat, 'ada')
  const client = clientOf(chat.url, 'ada', { timing: { backoffBase: 20 } })
  const room = client.room('general')
  await until(room, ({ state }) => state.status === 'live')
  room.send('before')
  await until(room, ({ state }) => state.messages.length === 1)
  const port = Number(new URL(chat.url).port)
  await chat.server.close()
  await stateOf(client, 'waiting')
  room.send('one')
  room.send('two')
  expect(room.state.outgoing.map(({ status }) => status)).toEqual(['pending', 'pending'])
  const { createServer } = await import('../../src/server.ts')
  const again = await createServer({ settings: chat.settings, client: chat.database.client, logTo: { write() {} } })
  onTestFinished(() => again.close())
  await again.listen({ host: '127.0.0.1', port })
  client.connect()
  await until(room, ({ state }) => state.messages.length === 3)
  expect(room.state.messages.map(({ content }) => content)).toEqual(['before', 'one', 'two'])
  expect(room.state.outgoing).toEqual([])
})

test('delivers more than a thousand missed messages in order', {
  timeout: 300_000
}, async () => {
  const chat = await startChat({ settings: { messageRateLimit: 0 } })
  await people(chat, 'ada')
  const client = clientOf(chat.url, 'ada')
  const room = client.room('general')
  const seen: number[] = []
  const resyncs: unknown[] = []
  room.on('message', ({ seq }) => seen.push(seq))
  room.on('resync', resync => resyncs.push(resync))
  await until(room, ({ state }) => state.status === 'live')
  client.close()
  const bob = await chat.join(await chat.register('bob'))
  const total = 1050
  for (let count = 1; count <= total; count++) bob.send({ type: 'message', content: `message ${count}` })
  while ((await bob.nextOf('message')).seq < total);
  client.connect()
  await until(room, () => seen.length >= total)
  expect(seen).toEqual(Array.from({ length: total }, (_, at) => at + 1))
  expect(resyncs).toEqual([{ reason: 'too_far', isReplaced: false, after: 0, upTo: total }])
  await until(room, ({ state }) => state.status === 'live')
  bob.send({ type: 'message', content: 'live again' })
  await until(room, () => seen.length > total)
  expect(room.state.messages).toHaveLength(1000)
  expect(await room.older(20)).toBe(true)
  expect(room.state.messages[0]?.seq).toBe(32)
})

test('renews a token on the open connection before it expires', async () => {
  const clock = fakeClock(Date.now())
  const chat = await startChat({ clock, settings: { accessTokenExpireMinutes: 1 } })
  await people(chat, 'ada')
  const due: { ms: number; work: () => void }[] = []
  const client = clientOf(chat.url, 'ada', {
    timers: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(ms, work) {
        const job = { ms, work }
        due.push(job)
        return () => due.splice(due.indexOf(job) >>> 0, 1)
      },
      random: Math.random
    }
  })
  const room = client.room('general')
  await until(room, ({ state }) => state.status === 'live')
  clock.advance(31_000)
  const renewal = due.find(({ ms }) => ms > 29_000 && ms <= 30_000)
  renewal?.work()
  room.send('hello')
  await until(room, ({ state }) => state.messages.length === 1)
  clock.advance(45_000)
  room.send('still here')
  await until(room, ({ state }) => state.messages.length === 2)
  expect(client.state.status).toBe('online')
})

test('goes offline after a wrong password, and reports why a room was refused', async () => {
  const chat = await startChat()
  await people(chat, 'ada')
  const stranger = clientOf(chat.url, 'nobody')
  await stateOf(stranger, 'offline')
  expect(stranger.state).toMatchObject({ reason: 'unauthorized' })
  const room = clientOf(chat.url, 'ada').room('no-such-room')
  await until(room, ({ state }) => state.status === 'refused')
  expect(room.state.error?.code).toBe('room_not_found')
  const { nonce } = room.send('hello?')
  expect(await room.settled(nonce)).toMatchObject({ status: 'failed', error: { code: 'room_not_found' } })
})

test('uses the package ws on Node without a global WebSocket', async () => {
  const chat = await startChat()
  await people(chat, 'ada')
  const token = async () => (await createChatApi({ url: chat.url }).login('ada', PASSWORD)).access_token
  const client = createChatClient({ url: chat.url, token })
  onTestFinished(() => client.close())
  await stateOf(client, 'online')
  expect(client.identity?.username).toBe('ada')
})
