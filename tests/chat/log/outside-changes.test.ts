/** Tests operations that are running while rows are changed directly in the database. */
import { expect, onTestFinished, test } from 'vitest'
import type { CommittedMessage } from '../../../src/chat/log/committed-message.ts'
import type { Changes, ChangesRead } from '../../../src/db/database.ts'
import { fakeClock } from '../../support/clock.ts'
import { createDeferred } from '../../support/deferred.ts'
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
const john = { userId: 1, username: 'john', expiresAt: 4e12 }
const ann = { userId: 2, username: 'ann', expiresAt: 4e12 }

/**
 * Starts a chat in memory. After `hold()`, appends wait until the function that `hold` returned is called. `change` simulates a
 * change that was made directly in the database.
 */
const start = async () => {
  const clock = fakeClock()
  const { rooms, messages } = createMemoryLog(['general'])
  let pending: Promise<void> | undefined
  let next: Changes = NOTHING
  let reads = 0
  const received: CommittedMessage[] = []
  const { bus, listener } = observeBus()
  const chat = createMemoryChat({
    rooms,
    messages: {
      ...messages,
      async append(batch) {
        const appended = await messages.append(batch)
        await pending
        return appended
      }
    },
    changes: {
      async read(since): Promise<ChangesRead> {
        reads++
        const changes = since === undefined ? undefined : next
        next = NOTHING
        return { snapshot: 's', changes }
      },
      descriptions: async ids =>
        new Map(ids.map(id => [id, { title: null, topic: null, guarded: false, archived: false, oldestSeq: 1 }])),
      sweep: async () => {}
    },
    sessionUsers: async keys =>
      keys.map(({ userId }) => ({ user: userRecord(userId, userId === 1 ? 'john' : 'ann'), session: undefined })),
    bus,
    clock,
    onMessage: message => received.push(message)
  })
  onTestFinished(() => stopChat(chat))
  await chat.start()
  await expect.poll(() => reads).toBe(1)
  await chat.connections.prepare(['general'])
  const connect = (principal: typeof john) => {
    const socket = new FakeSocket()
    chat.connections.open({ socket, principal, hasChatV1: false, address: 'a', rooms: ['general'], log: silentLog })
    return { socket, of: (type: string) => socket.frames.filter(frame => frame.type === type) }
  }
  const change = async (changes: Partial<Changes>) => {
    next = { ...NOTHING, ...changes }
    const before = reads
    listener()?.event({ kind: 'changed' }, 'database')
    await expect.poll(() => reads).toBe(before + 1)
    await new Promise(setImmediate)
  }
  const hold = () => {
    const { promise, resolve } = createDeferred()
    pending = promise
    return resolve
  }
  return { chat, connect, change, hold, received }
}

test('a message that is committed while its author is renamed has the name from the database', async () => {
  const { connect, change, hold } = await start()
  const [author, reader] = [connect(john), connect(ann)]
  const release = hold()
  author.socket.receive({ type: 'message', content: 'hello', ref: '1' })
  await new Promise(setImmediate)
  await change({ renamedUsers: [{ id: 1, username: 'user-1' }] })
  release()
  await expect.poll(() => reader.of('message')).toMatchObject([{ content: 'hello', username: 'user-1' }])
  expect(author.of('ack')).toHaveLength(1)
})

test('a host application receives the current name of an author who is renamed during the append', async () => {
  const { chat, change, hold, received } = await start()
  const release = hold()
  const posted = chat.log.publish(john, 'general', { content: 'hello' })
  const byHost = chat.log.publishAsHost({ ...john, externalId: 'j' }, { content: 'from the host' })
  await new Promise(setImmediate)
  await change({ renamedUsers: [{ id: 1, username: 'johnny' }] })
  release()
  await posted
  expect(await byHost).toMatchObject({ user: { id: 'j', name: 'johnny' } })
  await expect
    .poll(() => received)
    .toMatchObject([
      { content: 'hello', user: { id: '1', name: 'johnny' } },
      { content: 'from the host', user: { id: 'j', name: 'johnny' } }
    ])
})

test('a host application receives the last known name of an author who is deleted during the append', async () => {
  const { chat, change, hold, received } = await start()
  const release = hold()
  const posted = chat.log.publish(john, 'general', { content: 'hello' })
  await new Promise(setImmediate)
  await change({ deletedUsers: [1] })
  release()
  await posted
  await expect.poll(() => received).toMatchObject([{ content: 'hello', user: { id: '1', name: 'john' } }])
})

test('a request that began before its author was renamed stores a message with the new name', async () => {
  const { chat, connect, change } = await start()
  const reader = connect(ann)
  await change({ renamedUsers: [{ id: 1, username: 'johnny' }] })
  await chat.log.publish(john, 'general', { content: 'hello' })
  await expect.poll(() => reader.of('message')).toMatchObject([{ username: 'johnny' }])
  expect(connect(john).of('system')[0]).toMatchObject({ username: 'johnny' })
})

test('a request or a connection that began before its user was deleted fails', async () => {
  const { chat, connect, change } = await start()
  const early = connect(john)
  await change({ deletedUsers: [1] })
  expect(early.socket.closedWith).toBe(4401)
  expect(connect(john).socket.closedWith).toBe(4401)
  await expect(chat.log.publish(john, 'general', { content: 'hello' })).rejects.toMatchObject({ code: 'unavailable' })
})
