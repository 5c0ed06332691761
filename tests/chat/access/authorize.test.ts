/** Tests frames that wait for the host application's asynchronous `authorize`. */
import { expect, onTestFinished, test } from 'vitest'
import type { Bus } from '../../../src/bus/bus.ts'
import { createMemoryBus, createMemoryNetwork } from '../../../src/bus/drivers/memory.ts'
import type { Authorize } from '../../../src/chat/access/authorize.ts'
import { fakeClock } from '../../support/clock.ts'
import { createDeferred } from '../../support/deferred.ts'
import { FakeSocket } from '../../support/fake-socket.ts'
import { createMemoryChat, observeBus, silentLog, stopChat } from '../../support/memory-chat.ts'
import { createMemoryLog } from '../../support/memory-log.ts'

/** Resolves when `isTrue` returns true. Rejects after 10,000 turns of the event loop. */
const until = async (isTrue: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 10_000; turn++) {
    if (isTrue()) return
    await new Promise(setImmediate)
  }
  throw new Error('it never came true')
}

const gate = () => {
  const { promise: opened, resolve: open } = createDeferred()
  return { opened, open }
}

interface StartOptions {
  readonly bus?: Bus
  readonly messageRate?: number
  readonly existingUsers?: (ids: readonly number[]) => Promise<ReadonlySet<number>>
}

const start = async (authorize: Authorize, options: StartOptions = {}) => {
  const clock = fakeClock()
  const log = createMemoryLog(['general', 'other'])
  const { bus, listener } = observeBus(options.bus)
  const chat = createMemoryChat({
    rooms: log.rooms,
    messages: log.messages,
    ...options,
    bus,
    clock,
    authorize
  })
  onTestFinished(() => stopChat(chat))
  await chat.start()
  await chat.connections.prepare(['general', 'other'])
  const socket = new FakeSocket()
  const principal = { userId: 1, username: 'john', expiresAt: 4e12 }
  chat.connections.open({ socket, principal, hasChatV1: false, address: 'a', rooms: [], log: silentLog })
  const of = (type: string) => socket.frames.filter(frame => frame.type === type)
  return { chat, clock, log, socket, of, resetBus: () => listener()?.reset() }
}

test('is done in the order in which it was asked, however long an answer takes', async () => {
  const first = gate()
  let asked = 0
  const { socket, of } = await start(() => (++asked === 1 ? first.opened.then(() => true) : true))
  for (const ref of ['1', '2', '3']) socket.receive({ type: 'message', content: ref, ref })
  socket.receive({ type: 'ping' })
  await until(() => of('pong').length === 1)
  expect(asked).toBe(1)
  first.open()
  await until(() => of('ack').length === 3)
  expect(of('ack').map(({ ref, seq }) => [ref, seq])).toEqual([
    ['1', 1],
    ['2', 2],
    ['3', 3]
  ])
})

test('is answered by a promise that is not of our making too', async () => {
  // Not a native promise: a query builder, for example, or a promise of another realm.
  // biome-ignore lint/suspicious/noThenProperty: the test needs a thenable.
  const thenable = { then: (answered: (may: boolean) => void) => answered(true) } as unknown as Promise<boolean>
  const { socket, of } = await start(() => thenable)
  socket.receive({ type: 'message', content: 'hello', ref: '1' })
  await until(() => of('ack').length + of('error').length === 1)
  expect(of('error')).toEqual([])
})

test('waits without reading on from the client, and nothing that was read is lost', async () => {
  const answer = gate()
  let asked = 0
  const { socket, of } = await start(() => {
    asked++
    return answer.opened.then(() => true)
  })
  // `ws` still emits the frames that it has read before the socket was paused.
  for (let at = 0; at < 300; at++) {
    socket.emit('message', Buffer.from(JSON.stringify({ type: 'message', content: 'x', ref: `${at}` })), false)
  }
  expect(socket.isPaused).toBe(true)
  await new Promise(setImmediate)
  expect(asked).toBe(1)
  answer.open()
  await until(() => of('ack').length === 300)
  expect(of('ack').map(({ ref }) => Number(ref))).toEqual(Array.from({ length: 300 }, (_, at) => at))
  expect({ asked, errors: of('error') }).toEqual({ asked: 300, errors: [] })
  await until(() => !socket.isPaused)
})

test('is asked about again after a reset of the bus, a room that is just being followed too', async () => {
  const reached = gate()
  let isAllowed = true
  const { socket, of, log, resetBus } = await start(() => isAllowed)
  const { reach } = log.rooms
  let isReaching = false
  Object.assign(log.rooms, {
    async reach(id: number) {
      isReaching = true
      await reached.opened
      return reach(id)
    }
  })
  // The client's `seq` is above this process's, so the process queries the database.
  socket.receive({ type: 'subscribe', room: 'general', after: 7 })
  await until(() => isReaching)
  isAllowed = false
  resetBus()
  reached.open()
  await until(() => of('unsubscribed').length === 1)
  expect(of('unsubscribed')[0]).toMatchObject({ room: 'general', reason: 'not_allowed' })
})

test('a host that fails when everybody is asked about again sends nobody away, and is asked once more', async () => {
  let answer = async () => true
  let asked = 0
  const { clock, of, socket, resetBus } = await start(() => {
    asked++
    return answer()
  })
  socket.receive({ type: 'subscribe', room: 'general' })
  await until(() => of('subscribed').length === 1)
  answer = () => Promise.reject(new Error('down'))
  asked = 0
  resetBus()
  await until(() => asked === 1)
  answer = async () => false
  clock.advance(3000)
  await until(() => of('unsubscribed').length === 1)
  expect(asked).toBe(2)
})

test('a person who is disconnected is, also where the bus lost the word, and once', async () => {
  const network = createMemoryNetwork()
  const near = createMemoryBus(network)
  let isLossy = true
  const lossy: Bus = { ...near, publish: event => (isLossy ? true : near.publish(event)) }
  const here = await start(() => true, { bus: lossy })
  const there = await start(() => true, { bus: createMemoryBus(network) })
  here.chat.access.disconnect('1')
  expect(here.socket.closedWith).toBe(4401)
  expect(there.socket.closedWith).toBeUndefined()
  isLossy = false
  here.clock.advance(3000)
  await until(() => there.socket.closedWith === 4401)
})

test('what someone sent who is sent away meanwhile is not stored', async () => {
  const answer = gate()
  const { chat, socket, log } = await start(() => answer.opened.then(() => true))
  for (const content of ['first', 'second']) socket.receive({ type: 'message', content })
  chat.access.disconnect('1')
  answer.open()
  await chat.log.idle()
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  await chat.log.idle()
  expect((await log.rooms.reach(1))?.lastSeq).toBeLessThan(2)
})

test('the rate comes first: nobody is asked about a message that is over it', async () => {
  let asked = 0
  const { socket, of } = await start(
    () => {
      asked++
      return true
    },
    { messageRate: 1 }
  )
  for (let at = 0; at < 10; at++) socket.receive({ type: 'message', content: 'x', ref: `${at}` })
  await until(() => of('ack').length + of('error').length === 10)
  expect(asked).toBe(3)
})

test('a user who is no more is disconnected within a minute or so', async () => {
  let users = new Set([1])
  const { clock, socket } = await start(() => true, { existingUsers: async () => users })
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 20_000) {
      clock.advance(20_000)
      socket.emit('pong')
    }
    await new Promise(setImmediate)
  }
  await pass(80_000)
  expect(socket.closedWith).toBeUndefined()
  users = new Set()
  await pass(60_000)
  await until(() => socket.closedWith === 4401)
})

test('who comes while it is asked who is still a user stays', async () => {
  const answer = gate()
  const { chat, clock, socket } = await start(() => true, {
    existingUsers: async ids => {
      await answer.opened
      return new Set(ids)
    }
  })
  for (let passed = 0; passed < 60_000; passed += 20_000) {
    clock.advance(20_000)
    socket.emit('pong')
  }
  const late = new FakeSocket()
  const principal = { userId: 2, username: 'jane', expiresAt: 4e12, askedAt: clock.now() }
  chat.connections.open({ socket: late, principal, hasChatV1: false, address: 'a', rooms: [], log: silentLog })
  answer.open()
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  expect([socket.closedWith, late.closedWith]).toEqual([undefined, undefined])
})

test('a connection that was being opened when its person was disconnected is closed; a later one is not', async () => {
  const { chat, clock } = await start(() => true)
  const connect = (askedAt: number) => {
    const socket = new FakeSocket()
    const principal = { userId: 1, username: 'john', expiresAt: 4e12, askedAt }
    chat.connections.open({ socket, principal, hasChatV1: false, address: 'a', rooms: [], log: silentLog })
    return socket
  }
  const askedAt = clock.monotonic()
  chat.access.disconnect('1')
  expect(connect(askedAt).closedWith).toBe(4401)
  expect(connect(askedAt + 1).closedWith).toBeUndefined()
})

test('everybody is asked about in one pass at a time, however long the host takes', async () => {
  let asked = 0
  const { clock, of, socket, resetBus } = await start(() => {
    asked++
    return asked === 1 ? true : new Promise(() => {})
  })
  socket.receive({ type: 'subscribe', room: 'general' })
  await until(() => of('subscribed').length === 1)
  resetBus()
  await until(() => asked === 2)
  for (let tick = 0; tick < 5; tick++) {
    resetBus()
    clock.advance(3000)
    await new Promise(setImmediate)
  }
  expect(asked).toBe(2)
})
