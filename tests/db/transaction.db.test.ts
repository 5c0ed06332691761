/** Tests transactions: the writes of all repositories are committed together, or not at all. */
import { describe, expect, test } from 'vitest'
import { faultOf } from '../../src/db/client/errors.ts'
import { ChatError } from '../../src/protocol/errors.ts'
import { testDatabase } from '../support/database.ts'

const john = { username: 'john', hashedPassword: null }
const message = (roomId: number, userId: number, writeId = 'w') => ({
  roomId,
  userId,
  writeId,
  kind: 'message',
  content: 't',
  meta: null,
  keyId: 'k'
})

describe('a unit of work', () => {
  test('commits the writes of several repositories, and returns the result', async () => {
    const database = await testDatabase()
    const seq = await database.transaction(async ({ users, rooms, messages }) => {
      const user = await users.create(john)
      const room = await rooms.create({ name: 'den', title: null })
      const [appended] = await messages.append([message(room.id, user.id)])
      // The transaction sees its own writes.
      expect(await rooms.findByName('den')).toMatchObject({ lastSeq: 1 })
      expect(await messages.range(room.id, 1, 1)).toMatchObject([{ username: 'john', content: 't' }])
      return appended && 'seq' in appended ? appended.seq : undefined
    })
    expect(seq).toBe(1)
    expect(await database.rooms.findByName('den')).toMatchObject({ lastSeq: 1 })
    expect(await database.users.findByUsername('john')).toBeDefined()
  })

  test('writes nothing if its function rejects, and rejects with the same error', async () => {
    const database = await testDatabase()
    const room = await database.rooms.findByName('general')
    const failure = new ChatError('busy', 'Later.')
    const work = database.transaction(async ({ users, rooms, messages, changes }) => {
      const user = await users.create(john)
      await rooms.create({ name: 'den', title: null })
      await messages.append([message(room?.id ?? 0, user.id)])
      // In a unit of work, `read` must not start a transaction of its own.
      await changes.read(undefined)
      throw failure
    })
    await expect(work).rejects.toBe(failure)
    expect(await database.users.findByUsername('john')).toBeUndefined()
    expect(await database.rooms.findByName('den')).toBeUndefined()
    expect(await database.rooms.findByName('general')).toMatchObject({ lastSeq: 0 })
    // The `seq` of the entry that was rolled back is assigned again.
    expect(await database.messages.append([message(room?.id ?? 0, 1)])).toMatchObject([{ seq: 1 }])
  })

  test('keeps the errors of the repositories, and their classification', async () => {
    const database = await testDatabase()
    const taken = database.transaction(async ({ users, rooms }) => {
      await users.create(john)
      await rooms.create({ name: 'general', title: null })
    })
    await expect(taken).rejects.toMatchObject({ code: 'room_taken' })
    expect(await database.users.findByUsername('john')).toBeUndefined()

    const error = await database
      .transaction(async ({ users }) => users.create({ username: 'a\u0000b', hashedPassword: null }))
      .catch((reason: unknown) => reason)
    expect(faultOf(error)).toBe('divide')
  })
})
