/** What a connection asks for while a host application's functions have to answer first. */
import { expect, onTestFinished, test } from 'vitest'
import type { BusListener } from '../../src/bus/bus.ts'
import { createMemoryBus } from '../../src/bus/memory.ts'
import type { Authorize } from '../../src/chat/access.ts'
import { createChat } from '../../src/chat/chat.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { fakeClock } from '../support/clock.ts'
import { FakeSocket } from '../support/fake-socket.ts'
import { createMemoryLog } from '../support/memory-log.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** Resolves when it is true, which it is after some turns of the loop. */
const until = async (isTrue: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 10_000; turn++) {
    if (isTrue()) return
    await new Promise(setImmediate)
  }
  throw new Error('it never came true')
}

const gate = () => {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

const start = async (authorize: Authorize) => {
  const clock = fakeClock()
  const log = createMemoryLog(['general', 'other'])
  const bus = createMemoryBus()
  let listener: BusListener | undefined
  const chat = createChat({
    rooms: log.rooms,
    messages: log.messages,
    keyring: createKeyring({ current: ENCRYPTION_KEY, now: clock.now }),
    bus: {
      ...bus,
      listen(ours) {
        listener = ours
        return bus.listen(ours)
      }
    },
    clock,
    log: silent,
    authenticate: () => Promise.reject(new Error('not here')),
    isConnectionError: () => false,
    messageRate: 0,
    connectionsPerUser: 0,
    connectionsPerIp: 0,
    maxMessageLength: 4000,
    authorize
  })
  onTestFinished(() => chat.drain())
  await chat.start()
  await chat.prepare(['general', 'other'])
  const socket = new FakeSocket()
  const session = { userId: 1, username: 'john', expiresAt: 4e12 }
  chat.connect({ socket, session, speaksV1: false, address: 'a', rooms: [], log: silent })
  const of = (type: string) => socket.frames.filter(frame => frame.type === type)
  return { chat, log, socket, of, resetBus: () => listener?.reset() }
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
  // A query builder, say, or a promise of another realm.
  // biome-ignore lint/suspicious/noThenProperty: that is what it is about.
  const thenable = { then: (answered: (may: boolean) => void) => answered(true) } as unknown as Promise<boolean>
  const { socket, of } = await start(() => thenable)
  socket.receive({ type: 'message', content: 'hello', ref: '1' })
  await until(() => of('ack').length + of('error').length === 1)
  expect(of('error')).toEqual([])
})

test('waits in bounded number: what comes beyond is refused with busy, and the client is not read from', async () => {
  const answer = gate()
  let asked = 0
  const { socket, of } = await start(() => {
    asked++
    return answer.opened.then(() => true)
  })
  // What `ws` has read already comes although the socket is paused.
  for (let at = 0; at < 300; at++) {
    socket.emit('message', Buffer.from(JSON.stringify({ type: 'message', content: 'x', ref: `${at}` })), false)
  }
  expect(socket.isPaused).toBe(true)
  await until(() => of('error').length > 0)
  expect(of('error')[0]).toMatchObject({ code: 'busy', ref: '257', retry_after_ms: expect.any(Number) })
  answer.open()
  await until(() => of('ack').length + of('error').length === 300)
  expect({ asked, stored: of('ack').length }).toEqual({ asked: 257, stored: 257 })
  await until(() => !socket.isPaused)
})

test('is asked about again after a reset of the bus, a room that is just being followed too', async () => {
  const reached = gate()
  let isAllowed = true
  const { socket, of, log, resetBus } = await start(() => isAllowed)
  const { reach } = log.rooms
  let isReaching = false
  Object.assign(log.rooms, {
    async reach(ids: number[]) {
      isReaching = true
      await reached.opened
      return reach(ids)
    }
  })
  // The database is asked, since the client knows more than this process.
  socket.receive({ type: 'subscribe', room: 'general', after: 7 })
  await until(() => isReaching)
  isAllowed = false
  resetBus()
  reached.open()
  await until(() => of('unsubscribed').length === 1)
  expect(of('unsubscribed')[0]).toMatchObject({ room: 'general', reason: 'not_allowed' })
})
