/** Tests when and how often post joins look up authors and append entries. A post join makes an author a member of the room. */
import { expect, onTestFinished, test } from 'vitest'
import { createPostJoins } from '../../../src/chat/rooms/post-joins.ts'
import { createKeyring } from '../../../src/crypto/keyring.ts'
import type { NewEntry } from '../../../src/db/database.ts'
import { ChatError } from '../../../src/protocol/errors.ts'
import { fakeClock } from '../../support/clock.ts'
import { ENCRYPTION_KEY } from '../../support/settings.ts'

const room = { id: 1, name: 'general' }

/** Creates post joins on a fake database in which the users with an even id are members. */
const start = ({ isFinished = true, failures = [] as ChatError[] } = {}) => {
  const clock = fakeClock()
  const appended: NewEntry[] = []
  const lookups: number[] = []
  const joins = createPostJoins({
    repository: {
      async strangers(users) {
        lookups.push(users.length)
        return users.filter(({ userId }) => userId % 2 === 1)
      }
    },
    appendQueue: {
      append(entry, settled) {
        appended.push(entry)
        const error = failures.shift()
        if (error) return queueMicrotask(() => settled({ error }))
        const place = { outcome: 'unchanged', id: 1, seq: 1, createdAt: 0, stored: null, detail: null } as const
        queueMicrotask(() => settled({ appended: place }))
      }
    },
    rooms: { byId: () => undefined },
    bus: { announce: () => {} },
    liveInbox: { grown: () => {}, membersChanged: () => {} },
    keyring: createKeyring({ current: ENCRYPTION_KEY, now: clock.now }),
    clock,
    log: console,
    isUpgradeFinished: () => isFinished
  })
  onTestFinished(joins.close)
  const second = async (): Promise<void> => {
    clock.advance(1000)
    await new Promise(setImmediate)
  }
  return { joins, appended, lookups, second }
}

test('looks up at most 1,000 authors per second with one query, and lets at most 200 of them join', async () => {
  const { joins, appended, lookups, second } = start()
  for (let userId = 1; userId <= 1200; userId++) joins.add({ room, userId })
  await second()
  expect(lookups).toEqual([1000])
  expect(appended).toHaveLength(200)
  for (let at = 0; at < 5; at++) await second()
  expect(appended).toHaveLength(600)
  expect(new Set(appended.map(({ userId }) => userId)).size).toBe(600)
  expect(appended[0]).toMatchObject({ kind: 'membership', roomId: 1, userId: 1, content: null })
})

test('does not look up an author again for a minute, unless the author leaves', async () => {
  const { joins, lookups, second } = start()
  for (const userId of [1, 2]) joins.add({ room, userId })
  await second()
  for (const userId of [1, 2]) joins.add({ room, userId })
  await second()
  expect(lookups).toEqual([2])
  joins.forget('general', 1)
  joins.add({ room, userId: 1 })
  await second()
  expect(lookups).toEqual([2, 1])
})

test('forgets the message of an author who leaves before the lookup', async () => {
  const { joins, appended, second } = start()
  joins.add({ room, userId: 1 })
  joins.forget('general', 1)
  await second()
  expect(appended).toEqual([])
})

test('tries again after a temporary error, but not after a refusal or for an author who has left', async () => {
  const failures = [new ChatError('busy', 'Busy.'), new ChatError('banned', 'Banned.')]
  const { joins, appended, second } = start({ failures })
  joins.add({ room, userId: 1 })
  await second()
  await second()
  await second()
  expect(appended).toHaveLength(2)
  failures.push(new ChatError('busy', 'Busy.'))
  joins.add({ room, userId: 3 })
  const ended = second()
  joins.forget('general', 3)
  await ended
  await second()
  expect(appended.length).toBeLessThan(4)
})

test('remembers the message of an author whose removal fails', async () => {
  const { joins, appended, second } = start()
  joins.add({ room, userId: 1 })
  joins.forget('general', 1)()
  await second()
  expect(appended).toHaveLength(1)
})

test('lets nobody join before the upgrade is finished', async () => {
  const { joins, lookups, second } = start({ isFinished: false })
  joins.add({ room, userId: 1 })
  await second()
  expect(lookups).toEqual([])
})
