/**
 * Tests that a user cannot distinguish a room that they may not read from a room that does not exist. The responses are equal,
 * and so are the numbers of queries and of calls of `authorize`.
 */
import { expect, onTestFinished, test } from 'vitest'
import type { ChatCore } from '../../../src/chat/chat.ts'
import { ChatError } from '../../../src/protocol/errors.ts'
import { fakeClock } from '../../support/clock.ts'
import { FakeSocket } from '../../support/fake-socket.ts'
import { createMemoryChat, silentLog, stopChat } from '../../support/memory-chat.ts'
import { createMemoryLog } from '../../support/memory-log.ts'

const ann = { userId: 1, username: 'ann', expiresAt: 4e12 }
const boss = { userId: 2, username: 'boss', expiresAt: 4e12 }

const start = async () => {
  const clock = fakeClock()
  const { rooms, messages } = createMemoryLog(['general', 'secret'])
  const counts = { queries: 0, calls: 0 }
  const chat = createMemoryChat({
    rooms: {
      ...rooms,
      findByNames: names => {
        counts.queries++
        return rooms.findByNames(names)
      },
      create: async ({ name }) => {
        counts.queries++
        if (name === 'secret') throw new ChatError('room_taken', 'There is a room of that name already.')
        return { id: 9, name, title: null, topic: null, visibility: 'public', epoch: 'e', lastSeq: 0, oldestSeq: 1 }
      }
    },
    messages,
    clock,
    async authorize({ user, room, action }) {
      counts.calls++
      await new Promise(setImmediate)
      if (user.name === 'boss') return true
      return action === 'create' ? room !== 'forbidden' : room === 'general'
    }
  })
  onTestFinished(() => stopChat(chat))
  await chat.start()
  const cost = async (work: () => Promise<unknown>) => {
    const before = { ...counts }
    const outcome = await work().catch((error: ChatError) => ({ code: error.code, detail: error.detail }))
    return { outcome, queries: counts.queries - before.queries, calls: counts.calls - before.calls }
  }
  return { chat, cost, clock }
}

/**
 * Connects a client with `rooms`, and sends `frame` if it is given. Returns the error frame that the client receives, without
 * its `room`.
 */
const errorFrameOf = async (chat: ChatCore, rooms: string[], frame?: object): Promise<unknown> => {
  const socket = new FakeSocket()
  const principal = ann
  const absent = await chat.connections.prepare(rooms, { principal, address: 'a' })
  chat.connections.open({ socket, principal, hasChatV1: false, address: 'a', rooms, absent, log: silentLog })
  if (frame) socket.receive(frame)
  await expect.poll(() => socket.frames.filter(({ type }) => type === 'error').length).toBe(1)
  socket.kill()
  const { room, ...error } = socket.frames.find(({ type }) => type === 'error') ?? {}
  return error
}

const WAYS: Record<string, (chat: ChatCore, room: string) => Promise<unknown>> = {
  'GET a room': (chat, room) => chat.rooms.show(ann, room),
  'GET its messages': async (chat, room) => chat.log.read(ann, room, { limit: 10 }),
  'GET its presence': (chat, room) => chat.presence.of(ann, room),
  'POST a message': (chat, room) => chat.log.publish(ann, room, { content: 'psst' }),
  'a subscribe frame': (chat, room) => errorFrameOf(chat, [], { type: 'subscribe', room }),
  'a message frame': (chat, room) => errorFrameOf(chat, [], { type: 'message', room, content: 'psst' }),
  'rooms of the connection': (chat, room) => errorFrameOf(chat, [room])
}

test.for(Object.keys(WAYS))('%s: a denied and an absent room cause the same response at the same cost', async way => {
  const { chat, cost } = await start()
  const absent = await cost(() => WAYS[way]?.(chat, 'absent') as Promise<unknown>)
  expect(absent).toMatchObject({ outcome: { code: 'room_not_found' }, queries: 1, calls: 1 })
  const unloaded = await cost(() => WAYS[way]?.(chat, 'secret') as Promise<unknown>)
  expect(unloaded).toEqual(absent)
  await chat.rooms.show(boss, 'secret')
  expect(await cost(() => WAYS[way]?.(chat, 'secret') as Promise<unknown>)).toEqual(absent)
})

test('a typing frame without a subscription is rejected without a query and without a call of authorize', async () => {
  const { chat, cost } = await start()
  const typing = (room: string) => cost(() => errorFrameOf(chat, [], { type: 'typing', room }))
  const absent = await typing('absent')
  expect(absent).toMatchObject({ outcome: { code: 'not_allowed' }, queries: 0, calls: 0 })
  expect(await typing('secret')).toEqual(absent)
  await chat.rooms.show(boss, 'secret')
  expect(await typing('secret')).toEqual(absent)
})

test('creating an existing room that the user may not read fails like creating a forbidden room', async () => {
  const { chat, cost } = await start()
  await chat.rooms.show(boss, 'secret')
  const forbidden = await cost(() => chat.rooms.create(ann, { room: 'forbidden' }))
  expect(forbidden).toMatchObject({ outcome: { code: 'not_allowed' }, queries: 1, calls: 2 })
  expect(await cost(() => chat.rooms.create(ann, { room: 'secret' }))).toEqual(forbidden)
  expect(await cost(() => chat.rooms.create(boss, { room: 'secret' }))).toMatchObject({
    outcome: { code: 'room_taken' }
  })
})
