import { expect, test } from 'vitest'
import { BYTES_PER_TURN, FRAMES_PER_TURN, Inbox } from '../../../src/chat/connections/inbox.ts'
import { LARGE_FRAME_BYTES, SHARED_BYTES_PER_TURN } from '../../../src/chat/connections/turns.ts'

const start = (bytesOf = (_frame: number) => 100) => {
  const handled: number[] = []
  const notified: string[] = []
  let isOpen = true
  const inbox = new Inbox<number>({
    handle: frame => handled.push(frame),
    bytesOf,
    mayHandle: () => isOpen,
    onHeld: () => notified.push('held'),
    onEmpty: () => notified.push('empty')
  })
  const turn = () => new Promise(setImmediate)
  return {
    inbox,
    handled,
    notified,
    turn,
    block: (isBlocked: boolean) => {
      isOpen = !isBlocked
    }
  }
}

test('a few frames are handled immediately', () => {
  const { inbox, handled, notified } = start()
  for (let at = 0; at < FRAMES_PER_TURN; at++) inbox.add(at)
  expect(handled).toHaveLength(FRAMES_PER_TURN)
  expect(notified).toEqual([])
})

test('many frames are handled in order over several turns, and reads are paused meanwhile', async () => {
  const { inbox, handled, notified, turn } = start()
  await turn()
  for (let at = 0; at < 3 * FRAMES_PER_TURN; at++) inbox.add(at)
  expect(handled).toHaveLength(FRAMES_PER_TURN)
  expect(inbox.isHolding).toBe(true)
  expect(notified).toEqual(['held'])
  inbox.add(3 * FRAMES_PER_TURN)
  while (inbox.isHolding) {
    const before = handled.length
    await turn()
    expect(handled.length - before).toBeLessThanOrEqual(FRAMES_PER_TURN)
  }
  expect(handled).toEqual(Array.from({ length: 3 * FRAMES_PER_TURN + 1 }, (_, at) => at))
  expect(notified).toEqual(['held', 'empty'])
})

test('at most BYTES_PER_TURN are handled per turn, or one larger frame', async () => {
  const sizes = [BYTES_PER_TURN / 2, BYTES_PER_TURN / 2, 1, 3 * SHARED_BYTES_PER_TURN, 1]
  const { inbox, handled, turn } = start(frame => sizes[frame] as number)
  await turn()
  for (const at of sizes.keys()) inbox.add(at)
  const seen = [handled.length]
  while (inbox.isHolding) {
    await turn()
    seen.push(handled.length)
  }
  expect(seen).toEqual([2, 3, 4, 5])
})

test('connections take turns with large frames, and handle at most SHARED_BYTES_PER_TURN per turn together', async () => {
  const size = SHARED_BYTES_PER_TURN / 4
  const inboxes = Array.from({ length: 10 }, () => start(() => size))
  const total = () => inboxes.reduce((sum, { handled }) => sum + handled.length, 0)
  await new Promise(setImmediate)
  for (const { inbox } of inboxes) for (let at = 0; at < 5; at++) inbox.add(at)
  while (inboxes.some(({ inbox }) => inbox.isHolding)) {
    const before = total()
    await new Promise(setImmediate)
    expect(total() - before).toBeLessThanOrEqual(4)
    expect(total()).toBeGreaterThan(before)
    if (total() < 20) continue
    // The first connection may be ahead by up to four frames. It handles two of its frames when they are added, and two more in
    // the next turn, because it is also the first in the queue.
    const counts = inboxes.map(({ handled }) => handled.length)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(4)
  }
  for (const { handled } of inboxes) expect(handled).toEqual([0, 1, 2, 3, 4])
})

test('small frames do not wait for the large frames of other connections', async () => {
  const large = Array.from({ length: 10 }, () => start(() => BYTES_PER_TURN))
  const small = start(() => LARGE_FRAME_BYTES)
  await new Promise(setImmediate)
  for (const { inbox } of large) inbox.add(0)
  expect(large.filter(({ handled }) => handled.length > 0)).toHaveLength(2)
  small.inbox.add(0)
  expect(small.handled).toEqual([0])
  for (const { inbox } of large) inbox.clear()
})

test('frames wait while mayHandle returns false, until proceed is called', async () => {
  const { inbox, handled, notified, turn, block } = start()
  block(true)
  inbox.add(1)
  inbox.add(2)
  await turn()
  await turn()
  expect(handled).toEqual([])
  block(false)
  inbox.proceed()
  expect(handled).toEqual([1, 2])
  expect(notified).toEqual(['held', 'empty'])
})

test('frames are not handled after clear', async () => {
  const { inbox, handled, turn, block } = start()
  block(true)
  inbox.add(1)
  inbox.clear()
  block(false)
  inbox.proceed()
  await turn()
  expect(handled).toEqual([])
})
