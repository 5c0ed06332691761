/**
 * Tests sessions that end while a connection is being opened or renewed. Also tests the periodic look-up of the sessions of open
 * connections.
 */
import { expect, onTestFinished, test } from 'vitest'
import type { Principal } from '../../../src/chat/access/authorize.ts'
import type { ChatStorage } from '../../../src/chat/options.ts'
import type { Changes } from '../../../src/db/database.ts'
import { fakeClock } from '../../support/clock.ts'
import { FakeSocket } from '../../support/fake-socket.ts'
import { createMemoryChat, observeBus, silentLog, stopChat } from '../../support/memory-chat.ts'
import { createMemoryLog } from '../../support/memory-log.ts'
import { userRecord } from '../../support/user-record.ts'

const NOTHING: Changes = {
  deletedUsers: [],
  renamedUsers: [],
  revokedSessions: [],
  revokedUsers: [],
  rooms: [],
  entries: []
}
const JOHN: Principal = { userId: 1, username: 'john', expiresAt: 4e12, sessionId: 's1', generation: 0 }

interface StartOptions {
  readonly sessionUsers?: ChatStorage['sessionUsers']
  readonly authenticate?: () => Promise<Principal>
  readonly isFeedBroken?: boolean
}

/** Starts a chat in memory. `change` simulates a change in the database, which the change feed then reads. */
const start = async ({ isFeedBroken = false, ...options }: StartOptions = {}) => {
  const clock = fakeClock()
  const { rooms, messages } = createMemoryLog(['general'])
  const { bus, listener } = observeBus()
  let next = NOTHING
  const chat = createMemoryChat({
    ...options,
    rooms,
    messages,
    clock,
    bus,
    changes: {
      async read(since) {
        if (isFeedBroken) throw new Error('no right to read')
        if (since === undefined) return { snapshot: 's', changes: undefined }
        const changes = next
        next = NOTHING
        return { snapshot: 's', changes }
      },
      descriptions: async ids =>
        new Map(ids.map(id => [id, { title: null, topic: null, guarded: false, archived: false, oldestSeq: 1 }])),
      sweep: async () => {}
    }
  })
  onTestFinished(() => stopChat(chat))
  await chat.start()
  listener()?.reset()
  const connect = (changed: Partial<Principal> = {}, rooms: string[] = []) => {
    const socket = new FakeSocket()
    const principal = { ...JOHN, ...changed }
    chat.connections.open({ socket, principal, hasChatV1: true, address: 'a', rooms, log: silentLog })
    return socket
  }
  const change = async (changes: Partial<Changes>) => {
    next = { ...NOTHING, ...changes }
    await expect
      .poll(() => {
        clock.advance(2000)
        return next
      })
      .toBe(NOTHING)
    await new Promise(setImmediate)
  }
  return { chat, clock, connect, change }
}

const revoked = (generation: number, keptSessions: string[] = [], status: 'active' | 'suspended' = 'active') => ({
  revokedUsers: [{ id: 1, status, generation, keptSessions }]
})

test('an upgrade that looked up its session before the end of the session is closed', async () => {
  const { connect, change } = await start()
  await change({ revokedSessions: ['s1'] })
  expect(connect().closedWith).toBe(4401)
  expect(connect({ sessionId: 's2' }).closedWith).toBeUndefined()
})

test('an upgrade that looked up its user before a new generation is closed, unless its session was kept', async () => {
  const { connect, change } = await start()
  await change(revoked(3, ['s2']))
  expect(connect({ generation: 2 }).closedWith).toBe(4401)
  expect(connect({ generation: 2, sessionId: null }).closedWith).toBe(4401)
  expect(connect({ generation: 2, sessionId: 's2' }).closedWith).toBeUndefined()
  expect(connect({ generation: 3, sessionId: 's3' }).closedWith).toBeUndefined()
  await change(revoked(3, [], 'suspended'))
  expect(connect({ generation: 3 }).closedWith).toBe(4403)
})

test('a request that looked up its user before a suspension or the end of the session appends nothing', async () => {
  const { chat, change } = await start()
  const publish = (changed: Partial<Principal> = {}) =>
    chat.log.publish({ ...JOHN, ...changed }, 'general', { content: 'late' })
  await change({ revokedSessions: ['s1'] })
  await expect(publish()).rejects.toMatchObject({ code: 'unavailable' })
  expect((await publish({ sessionId: 's2' })).entry.seq).toBe(1)
  await change(revoked(1, [], 'suspended'))
  await expect(publish({ sessionId: 's2' })).rejects.toMatchObject({ code: 'unavailable' })
  await change(revoked(2, ['s2']))
  await expect(publish({ sessionId: 's3', generation: 1 })).rejects.toMatchObject({ code: 'unavailable' })
  expect((await publish({ sessionId: 's2', generation: 1 })).entry.seq).toBe(2)
})

test('a token of an ended session does not renew a connection', async () => {
  const { connect, change } = await start({ authenticate: async () => ({ ...JOHN, sessionId: 's2' }) })
  const socket = connect()
  await change({ revokedSessions: ['s2'] })
  socket.receive({ type: 'auth', token: 't', ref: 'late' })
  await expect.poll(() => socket.frames.find(({ type }) => type === 'error')).toMatchObject({ code: 'invalid_token' })
  expect(socket.closedWith).toBeUndefined()
})

test('an ended session closes its connections within 30 s even if changes cannot be read', async () => {
  const sessions = new Map([
    ['s1', 0],
    ['s2', 0]
  ])
  let user = userRecord(1, 'john')
  const { connect, clock } = await start({
    isFeedBroken: true,
    sessionUsers: async keys =>
      keys.map(({ sessionId = '' }) => {
        const generation = sessions.get(sessionId)
        const session = { id: sessionId, isTouchDue: false, refreshNumber: null, isSuccessorUsed: false }
        return { user, session: generation === undefined ? undefined : { ...session, generation } }
      })
  })
  const [one, two] = [connect(), connect({ sessionId: 's2' })]
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000)
      for (const socket of [one, two]) socket.emit('pong')
    }
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  }
  await pass(30)
  expect([one.closedWith, two.closedWith]).toEqual([undefined, undefined])
  sessions.delete('s1')
  await pass(30)
  expect([one.closedWith, two.closedWith]).toEqual([4401, undefined])
  // A change of the password raises the generation of the user and of the session `s2`, so `s2` remains valid.
  user = userRecord(1, 'john', { generation: 1 })
  sessions.set('s2', 1)
  await pass(30)
  expect(two.closedWith).toBeUndefined()
  user = userRecord(1, 'john', { generation: 2, status: 'suspended' })
  await pass(30)
  expect(two.closedWith).toBe(4403)
})

test('all connections of a session get the new name of their user, even if one was opened after the rename', async () => {
  const user = userRecord(1, 'johnny')
  const session = { id: 's1', generation: 0, isTouchDue: false, refreshNumber: null, isSuccessorUsed: false }
  const { connect, clock } = await start({
    isFeedBroken: true,
    sessionUsers: async keys => keys.map(() => ({ user, session }))
  })
  const first = connect({}, ['general'])
  const sockets = [first, connect({ username: 'johnny' })]
  for (let second = 0; second < 30; second++) {
    clock.advance(1000)
    for (const socket of sockets) socket.emit('pong')
  }
  await new Promise(setImmediate)
  first.receive({ type: 'message', content: 'hi' })
  await expect.poll(() => first.frames.find(({ type }) => type === 'message')).toMatchObject({ username: 'johnny' })
})
