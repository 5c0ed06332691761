import { expect, test } from 'vitest'
import type { Entry } from '../../src/chat/entries.ts'
import { createLogPages } from '../../src/chat/log-pages.ts'
import { createRooms } from '../../src/chat/rooms.ts'
import { createMemoryLog } from '../support/memory-log.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const start = () => {
  const { rooms: repository } = createMemoryLog(['general'])
  const pages = createLogPages<Entry>({ read: async () => [], firstSeq: async () => undefined })
  return createRooms({ repository, pages, log: silent })
}

test('a room that nobody follows is let go after a while', async () => {
  const rooms = start()
  await rooms.load('general')
  rooms.sweep()
  expect(rooms.get('general')).toBeDefined()
  rooms.sweep()
  rooms.sweep()
  expect(rooms.get('general')).toBeUndefined()
})

test('a room that was just asked for stays, so that who is about to follow it does not follow one that hears nothing', async () => {
  const rooms = start()
  await rooms.load('general')
  rooms.sweep()
  const room = rooms.get('general')
  rooms.sweep()
  expect(rooms.get('general')).toBe(room)
})
