/** Tests frames, connections and revocations while the host application's asynchronous `authorize` is pending. */
import { expect, onTestFinished, test } from 'vitest'
import type { Bus } from '../../../src/bus/bus.ts'
import { createMemoryBus, createMemoryNetwork } from '../../../src/bus/drivers/memory.ts'
import type { Authorize } from '../../../src/chat/access/authorize.ts'
import type { ChatStorage } from '../../../src/chat/options.ts'
import { fakeClock } from '../../support/clock.ts'
import { createDeferred } from '../../support/deferred.ts'
import { FakeSocket } from '../../support/fake-socket.ts'
import { createMemoryChat, observeBus, silentLog, stopChat } from '../../support/memory-chat.ts'
import { createMemoryLog } from '../../support/memory-log.ts'
import { userRecord } from '../../support/user-record.ts'

/** Resolves when `isTrue` returns true. Rejects after 10,000 turns of the event loop. */
const until = async (isTrue: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 10_000; turn++) {
    if (isTrue()) return
    await new Promise(setImmediate)
  }
  throw new Error('The condition was not met within 10,000 turns of the event loop.')
}

const gate = () => {
  const { promise: opened, resolve: open } = createDeferred()
  return { opened, open }
}

interface StartOptions {
  readonly bus?: Bus
  readonly messageRate?: number
  readonly sessionUsers?: ChatStorage['sessionUsers']
}

const found = (userId: number) => ({ user: userRecord(userId, 'john'), session: undefined })

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

test('frames are handled in the order in which they arrived, regardless of how long authorize takes', async () => {
  const first = gate()
  let calls = 0
  const { socket, of } = await start(() => (++calls === 1 ? first.opened.then(() => true) : true))
  for (const ref of ['1', '2', '3']) socket.receive({ type: 'message', content: ref, ref })
  socket.receive({ type: 'ping' })
  await until(() => of('pong').length === 1)
  expect(calls).toBe(1)
  first.open()
  await until(() => of('ack').length === 3)
  expect(of('ack').map(({ ref, seq }) => [ref, seq])).toEqual([
    ['1', 1],
    ['2', 2],
    ['3', 3]
  ])
})

test('authorize may return a thenable that is not a native promise', async () => {
  // This is not a native promise. A query builder, for example, also returns such objects.
  // biome-ignore lint/suspicious/noThenProperty: the test needs a thenable.
  const thenable = { then: (resolve: (may: boolean) => void) => resolve(true) } as unknown as Promise<boolean>
  const { socket, of } = await start(() => thenable)
  socket.receive({ type: 'message', content: 'hello', ref: '1' })
  await until(() => of('ack').length + of('error').length === 1)
  expect(of('error')).toEqual([])
})

test('reads from a client are paused while authorize is pending, and no frame that was read is lost', async () => {
  const decision = gate()
  let calls = 0
  const { socket, of } = await start(() => {
    calls++
    return decision.opened.then(() => true)
  })
  // After the socket was paused, `ws` still emits the frames that it had already read.
  for (let at = 0; at < 300; at++) {
    socket.emit('message', Buffer.from(JSON.stringify({ type: 'message', content: 'x', ref: `${at}` })), false)
  }
  expect(socket.isPaused).toBe(true)
  await new Promise(setImmediate)
  expect(calls).toBe(1)
  decision.open()
  await until(() => of('ack').length === 300)
  expect(of('ack').map(({ ref }) => Number(ref))).toEqual(Array.from({ length: 300 }, (_, at) => at))
  expect({ calls, errors: of('error') }).toEqual({ calls: 300, errors: [] })
  await until(() => !socket.isPaused)
})

test('authorize is called again after a reset of the bus, even for a subscription that is in progress', async () => {
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
  // `after` is higher than the last `seq` that this process knows, so the process queries the database.
  socket.receive({ type: 'subscribe', room: 'general', after: 7 })
  await until(() => isReaching)
  isAllowed = false
  resetBus()
  reached.open()
  await until(() => of('unsubscribed').length === 1)
  expect(of('unsubscribed')[0]).toMatchObject({ room: 'general', reason: 'not_allowed' })
})

test('a failing authorize after a reset of the bus ends no subscription, and is called again', async () => {
  let decision = async () => true
  let calls = 0
  const { clock, of, socket, resetBus } = await start(() => {
    calls++
    return decision()
  })
  socket.receive({ type: 'subscribe', room: 'general' })
  await until(() => of('subscribed').length === 1)
  decision = () => Promise.reject(new Error('down'))
  calls = 0
  resetBus()
  await until(() => calls === 1)
  decision = async () => false
  clock.advance(3000)
  await until(() => of('unsubscribed').length === 1)
  expect(calls).toBe(2)
})

test('a revoked user is disconnected from other processes even if the bus loses the first event', async () => {
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

test('a message that waits for authorize is not stored if its author is disconnected', async () => {
  const decision = gate()
  const { chat, socket, log } = await start(() => decision.opened.then(() => true))
  for (const content of ['first', 'second']) socket.receive({ type: 'message', content })
  chat.access.disconnect('1')
  decision.open()
  await chat.log.idle()
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  await chat.log.idle()
  expect((await log.rooms.reach(1))?.lastSeq).toBeLessThan(2)
})

test('authorize is not called for a message above the rate limit', async () => {
  let calls = 0
  const { socket, of } = await start(
    () => {
      calls++
      return true
    },
    { messageRate: 1 }
  )
  for (let at = 0; at < 10; at++) socket.receive({ type: 'message', content: 'x', ref: `${at}` })
  await until(() => of('ack').length + of('error').length === 10)
  expect(calls).toBe(3)
})

test('a deleted user is disconnected within about a minute', async () => {
  let users = new Set([1])
  const { clock, socket } = await start(() => true, {
    sessionUsers: async keys => keys.map(({ userId }) => (users.has(userId) ? found(userId) : undefined))
  })
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

test('a user who connects during the check for deleted users stays connected', async () => {
  const decision = gate()
  const { chat, clock, socket } = await start(() => true, {
    sessionUsers: async keys => {
      await decision.opened
      return keys.map(({ userId }) => found(userId))
    }
  })
  for (let passed = 0; passed < 60_000; passed += 20_000) {
    clock.advance(20_000)
    socket.emit('pong')
  }
  const late = new FakeSocket()
  const principal = { userId: 2, username: 'jane', expiresAt: 4e12, askedAt: clock.now() }
  chat.connections.open({ socket: late, principal, hasChatV1: false, address: 'a', rooms: [], log: silentLog })
  decision.open()
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  expect([socket.closedWith, late.closedWith]).toEqual([undefined, undefined])
})

test('a connection whose authentication began before a revocation is closed, and a later one is not', async () => {
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

test('users are rechecked in one pass at a time, regardless of how long authorize takes', async () => {
  let calls = 0
  const { clock, of, socket, resetBus } = await start(() => {
    calls++
    return calls === 1 ? true : new Promise(() => {})
  })
  socket.receive({ type: 'subscribe', room: 'general' })
  await until(() => of('subscribed').length === 1)
  resetBus()
  await until(() => calls === 2)
  for (let tick = 0; tick < 5; tick++) {
    resetBus()
    clock.advance(3000)
    await new Promise(setImmediate)
  }
  expect(calls).toBe(2)
})
