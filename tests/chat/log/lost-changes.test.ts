/** Tests what a process does when it has lost changes that were made directly in the database. */
import { expect, test, vi } from 'vitest'
import { createOutsideChanges, type OutsideChangesOptions } from '../../../src/chat/log/outside-changes.ts'
import { silentLog } from '../../support/memory-chat.ts'

test('reads rooms that are being loaded again, before it asks for the titles of the loaded rooms', async () => {
  const calls: string[] = []
  const options = {
    users: { refresh: async () => void calls.push('users') },
    rooms: {
      all: () => [{ id: 1, name: 'general' }],
      lost: () => void calls.push('lost'),
      changed() {},
      describe: (id: number) => void calls.push(`described ${id}`)
    },
    pages: { clear() {} },
    registry: { all: () => [] },
    repository: {
      async descriptions(ids: readonly number[]) {
        calls.push('titles')
        return new Map(ids.map(id => [id, { title: 'New', topic: null, guarded: false, archived: false }]))
      }
    },
    log: silentLog
  } as unknown as OutsideChangesOptions
  createOutsideChanges(options).onLost()
  await vi.waitUntil(() => calls.includes('described 1'))
  expect(calls).toEqual(['lost', 'users', 'titles', 'described 1'])
})
