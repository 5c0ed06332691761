import { expect, test } from 'vitest'
import type { RoomRow } from '../../src/db/database.ts'
import { testDatabase } from '../support/database.ts'

const entry = (roomId: number, writeId: string) => ({
  roomId,
  userId: 1,
  writeId,
  kind: 'message',
  content: 't',
  meta: null,
  keyId: 'k'
})

test('it returns only the rooms that changed, with their epoch and range of seqs', async () => {
  const { rooms, messages, client, schema } = await testDatabase()
  const made: RoomRow[] = []
  for (const name of ['grown', 'pruned', 'restored', 'same']) made.push(await rooms.create({ name, title: null }))
  const [grown, pruned, restored] = made
  await messages.append([entry(grown?.id ?? 0, 'a'), entry(grown?.id ?? 0, 'b')])
  await client.query(`update "${schema}".rooms set oldest_seq = 5 where name = 'pruned'`)
  await client.query(`update "${schema}".rooms set epoch = 'other' where name = 'restored'`)
  const changed = await rooms.changed(made)
  expect([...changed].sort((a, b) => a.id - b.id)).toEqual([
    { id: grown?.id, epoch: grown?.epoch, lastSeq: 2, oldestSeq: 1 },
    { id: pruned?.id, epoch: pruned?.epoch, lastSeq: 0, oldestSeq: 5 },
    { id: restored?.id, epoch: 'other', lastSeq: 0, oldestSeq: 1 }
  ])
  expect(await rooms.changed(changed)).toEqual([])
  expect(await rooms.changed([])).toEqual([])
  expect(await rooms.reach(grown?.id ?? 0)).toEqual({ id: grown?.id, epoch: grown?.epoch, lastSeq: 2, oldestSeq: 1 })
  expect(await rooms.reach(0)).toBeUndefined()
})

test('it queries 70,000 rooms in one statement', async () => {
  const { rooms } = await testDatabase()
  const known = Array.from({ length: 70_000 }, (_, at) => ({ id: at + 1000, epoch: 'e', lastSeq: 1, oldestSeq: 1 }))
  expect(await rooms.changed(known)).toEqual([])
  expect(await rooms.locked(known.map(({ id }) => id))).toHaveLength(70_000)
})

test('it does not report an unlocked room as locked', async () => {
  const { rooms } = await testDatabase()
  const { id } = await rooms.create({ name: 'free', title: null })
  expect(await rooms.locked([id])).toEqual([])
})
