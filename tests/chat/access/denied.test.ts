/** Tests that a room that the user may not read cannot be distinguished from an absent one: same response, same cost. */
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
  const counts = { queries: 0, asked: 0 }
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
        return { id: 9, name, title: null, epoch: 'e', lastSeq: 0, oldestSeq: 1 }
      }
    },
    messages,
    clock,
    async authorize({ user, room, action }) {
      counts.asked++
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
    return { outcome, queries: counts.queries - before.queries, asked: counts.asked - before.asked }
  }
  return { chat, cost, clock }
}

/** Returns the error frame that a client receives for a frame, or for the rooms that it names when it connects. */
const over = async (chat: ChatCore, rooms: string[], frame?: object): Promise<unknown> => {
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
  'a subscribe frame': (chat, room) => over(chat, [], { type: 'subscribe', room }),
  'a message frame': (chat, room) => over(chat, [], { type: 'message', room, content: 'psst' }),
  'rooms of the connection': (chat, room) => over(chat, [room])
}

test.for(Object.keys(WAYS))('%s: denied and absent are one answer at one cost', async way => {
  const { chat, cost } = await start()
  const absent = await cost(() => WAYS[way]?.(chat, 'absent') as Promise<unknown>)
  expect(absent).toMatchObject({ outcome: { code: 'room_not_found' }, queries: 1, asked: 1 })
  const unloaded = await cost(() => WAYS[way]?.(chat, 'secret') as Promise<unknown>)
  expect(unloaded).toEqual(absent)
  await chat.rooms.show(boss, 'secret')
  expect(await cost(() => WAYS[way]?.(chat, 'secret') as Promise<unknown>)).toEqual(absent)
})

test('typing in a room without a subscription is refused before anybody is asked, and costs nothing', async () => {
  const { chat, cost } = await start()
  const typing = (room: string) => cost(() => over(chat, [], { type: 'typing', room }))
  const absent = await typing('absent')
  expect(absent).toMatchObject({ outcome: { code: 'not_allowed' }, queries: 0, asked: 0 })
  expect(await typing('secret')).toEqual(absent)
  await chat.rooms.show(boss, 'secret')
  expect(await typing('secret')).toEqual(absent)
})

test('a room that is there but may not be read is refused like one that may not be created', async () => {
  const { chat, cost } = await start()
  await chat.rooms.show(boss, 'secret')
  const forbidden = await cost(() => chat.rooms.create(ann, { room: 'forbidden' }))
  expect(forbidden).toMatchObject({ outcome: { code: 'not_allowed' }, queries: 1, asked: 2 })
  expect(await cost(() => chat.rooms.create(ann, { room: 'secret' }))).toEqual(forbidden)
  expect(await cost(() => chat.rooms.create(boss, { room: 'secret' }))).toMatchObject({
    outcome: { code: 'room_taken' }
  })
})
