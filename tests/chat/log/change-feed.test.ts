import { expect, onTestFinished, test } from 'vitest'
import { createChangeFeed } from '../../../src/chat/log/change-feed.ts'
import type { Changes, ChangesRead } from '../../../src/db/database.ts'
import { fakeClock } from '../../support/clock.ts'

const NOTHING: Changes = {
  deletedUsers: [],
  renamedUsers: [],
  revokedSessions: [],
  revokedUsers: [],
  rooms: [],
  entries: []
}
const settled = (): Promise<void> => new Promise(setImmediate)

/** Creates a change feed for a fake database. The test completes each read with `succeed` or `fail`. */
const start = () => {
  const clock = fakeClock()
  const reading: { since: string | undefined; succeed(changes?: Changes): Promise<void>; fail(): Promise<void> }[] = []
  const notified: (Changes | 'lost')[] = []
  const lines: unknown[] = []
  let reads = 0
  const feed = createChangeFeed({
    clock,
    log: { debug() {}, info() {}, warn: line => lines.push(line), error() {} },
    repository: {
      descriptions: async () => new Map(),
      sweep: async () => {},
      read: since =>
        new Promise<ChangesRead>((resolve, reject) => {
          const snapshot = `s${++reads}`
          reading.push({
            since,
            succeed(changes) {
              resolve({ snapshot, changes })
              return settled()
            },
            fail() {
              reject(new Error('away'))
              return settled()
            }
          })
        })
    },
    onChanges: changes => notified.push(changes),
    onLost: () => notified.push('lost')
  })
  onTestFinished(() => feed.close())
  return { clock, feed, reading, notified, lines }
}

test('it reads nothing and is not current before it is started', () => {
  const { clock, feed, reading } = start()
  clock.advance(10_000)
  feed.wake()
  expect(reading).toEqual([])
  expect(feed.isCurrent()).toBe(false)
})

test('it reports lost changes at the start, and then reads the changes since each snapshot', async () => {
  const { clock, feed, reading, notified } = start()
  feed.reset()
  await reading[0]?.succeed()
  expect(notified).toEqual(['lost'])
  expect(feed.isCurrent()).toBe(true)
  clock.advance(2000)
  await reading[1]?.succeed({ ...NOTHING, deletedUsers: [1] })
  feed.wake()
  await reading[2]?.succeed(NOTHING)
  expect(reading.map(({ since }) => since)).toEqual([undefined, 's1', 's2'])
  expect(notified[1]).toMatchObject({ deletedUsers: [1] })
})

test('it is not current if no read that began in the last five seconds has completed', async () => {
  const { clock, feed, reading } = start()
  feed.reset()
  await reading[0]?.succeed()
  clock.advance(2000)
  clock.advance(1000)
  await reading[1]?.succeed(NOTHING)
  clock.advance(3999)
  expect(feed.isCurrent()).toBe(true)
  clock.advance(1)
  expect(feed.isCurrent()).toBe(false)
})

test('it continues from the last successful read after a read failed', async () => {
  const { clock, feed, reading, lines } = start()
  feed.reset()
  await reading[0]?.succeed()
  for (let at = 1; at <= 5; at++) {
    clock.advance(2000)
    await reading[at]?.fail()
  }
  clock.advance(2000)
  expect(reading.map(({ since }) => since)).toEqual([undefined, 's1', 's1', 's1', 's1', 's1', 's1'])
  expect(lines.length).toBe(1)
})

test('it starts over after a read during which it was reset', async () => {
  const { clock, feed, reading, notified } = start()
  feed.reset()
  feed.reset()
  await reading[0]?.succeed()
  expect(feed.isCurrent()).toBe(false)
  clock.advance(2000)
  await reading[1]?.succeed()
  expect(notified).toEqual(['lost', 'lost'])
  expect(feed.isCurrent()).toBe(true)
})

test('it starts over after half an hour without a successful read, because changes may have been deleted', async () => {
  const { clock, feed, reading } = start()
  feed.reset()
  await reading[0]?.succeed()
  clock.advance(2000)
  await reading[1]?.fail()
  clock.advance(31 * 60_000)
  await reading[2]?.fail()
  clock.advance(2000)
  expect(reading.at(-1)?.since).toBeUndefined()
})
