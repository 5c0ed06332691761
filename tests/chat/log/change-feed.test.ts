import { expect, onTestFinished, test } from 'vitest'
import { createChangeFeed } from '../../../src/chat/log/change-feed.ts'
import type { Changes, ChangesRead } from '../../../src/db/database.ts'
import { fakeClock } from '../../support/clock.ts'

const NOTHING: Changes = { deletedUsers: [], renamedUsers: [], rooms: [], entries: [] }
const settled = (): Promise<void> => new Promise(setImmediate)

/** Creates a change feed over a fake database. The test supplies the result of each read. */
const start = () => {
  const clock = fakeClock()
  const asked: { since: string | undefined; answer(changes?: Changes): Promise<void>; fail(): Promise<void> }[] = []
  const notified: (Changes | 'lost')[] = []
  const lines: unknown[] = []
  let reads = 0
  const feed = createChangeFeed({
    clock,
    log: { debug() {}, info() {}, warn: line => lines.push(line), error() {} },
    repository: {
      usernames: async () => new Map(),
      titles: async () => new Map(),
      sweep: async () => {},
      read: since =>
        new Promise<ChangesRead>((resolve, reject) => {
          const snapshot = `s${++reads}`
          asked.push({
            since,
            answer(changes) {
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
  return { clock, feed, asked, notified, lines }
}

test('nothing is read, or taken for current, before it is started', () => {
  const { clock, feed, asked } = start()
  clock.advance(10_000)
  feed.wake()
  expect(asked).toEqual([])
  expect(feed.isCurrent()).toBe(false)
})

test('it starts with everything, and then reads on from each snapshot', async () => {
  const { clock, feed, asked, notified } = start()
  feed.reset()
  await asked[0]?.answer()
  expect(notified).toEqual(['lost'])
  expect(feed.isCurrent()).toBe(true)
  clock.advance(2000)
  await asked[1]?.answer({ ...NOTHING, deletedUsers: [1] })
  feed.wake()
  await asked[2]?.answer(NOTHING)
  expect(asked.map(({ since }) => since)).toEqual([undefined, 's1', 's2'])
  expect(notified[1]).toMatchObject({ deletedUsers: [1] })
})

test('it is not current when no read that began in the last five seconds is complete', async () => {
  const { clock, feed, asked } = start()
  feed.reset()
  await asked[0]?.answer()
  clock.advance(2000)
  clock.advance(1000)
  await asked[1]?.answer(NOTHING)
  clock.advance(3999)
  expect(feed.isCurrent()).toBe(true)
  clock.advance(1)
  expect(feed.isCurrent()).toBe(false)
})

test('a failed read loses nothing: the next one begins where the last complete one ended', async () => {
  const { clock, feed, asked, lines } = start()
  feed.reset()
  await asked[0]?.answer()
  for (let at = 1; at <= 5; at++) {
    clock.advance(2000)
    await asked[at]?.fail()
  }
  clock.advance(2000)
  expect(asked.map(({ since }) => since)).toEqual([undefined, 's1', 's1', 's1', 's1', 's1', 's1'])
  expect(lines.length).toBe(1)
})

test('a reset while it reads starts over after it', async () => {
  const { clock, feed, asked, notified } = start()
  feed.reset()
  feed.reset()
  await asked[0]?.answer()
  expect(feed.isCurrent()).toBe(false)
  clock.advance(2000)
  await asked[1]?.answer()
  expect(notified).toEqual(['lost', 'lost'])
  expect(feed.isCurrent()).toBe(true)
})

test('after half an hour without a read it starts over: the database may have swept what was missed', async () => {
  const { clock, feed, asked } = start()
  feed.reset()
  await asked[0]?.answer()
  clock.advance(2000)
  await asked[1]?.fail()
  clock.advance(31 * 60_000)
  await asked[2]?.fail()
  clock.advance(2000)
  expect(asked.at(-1)?.since).toBeUndefined()
})
