import { expect, test } from 'vitest'
import { createInbox, FRAMES_PER_TURN } from '../../../src/chat/connections/inbox.ts'

const start = () => {
  const handled: number[] = []
  const told: string[] = []
  let isOpen = true
  const inbox = createInbox<number>({
    handle: frame => handled.push(frame),
    mayHandle: () => isOpen,
    onHeld: () => told.push('held'),
    onEmpty: () => told.push('empty')
  })
  const turn = () => new Promise(setImmediate)
  return {
    inbox,
    handled,
    told,
    turn,
    block: (isBlocked: boolean) => {
      isOpen = !isBlocked
    }
  }
}

test('a few frames are handled at once', () => {
  const { inbox, handled, told } = start()
  for (let at = 0; at < FRAMES_PER_TURN; at++) inbox.add(at)
  expect(handled).toHaveLength(FRAMES_PER_TURN)
  expect(told).toEqual([])
})

test('many frames are handled in order over several turns, and the socket is not read from meanwhile', async () => {
  const { inbox, handled, told, turn } = start()
  await turn()
  for (let at = 0; at < 3 * FRAMES_PER_TURN; at++) inbox.add(at)
  expect(handled).toHaveLength(FRAMES_PER_TURN)
  expect(inbox.isHolding).toBe(true)
  expect(told).toEqual(['held'])
  inbox.add(3 * FRAMES_PER_TURN)
  while (inbox.isHolding) {
    const before = handled.length
    await turn()
    expect(handled.length - before).toBeLessThanOrEqual(FRAMES_PER_TURN)
  }
  expect(handled).toEqual(Array.from({ length: 3 * FRAMES_PER_TURN + 1 }, (_, at) => at))
  expect(told).toEqual(['held', 'empty'])
})

test('frames wait while none may be handled, until it is asked again', async () => {
  const { inbox, handled, told, turn, block } = start()
  block(true)
  inbox.add(1)
  inbox.add(2)
  await turn()
  await turn()
  expect(handled).toEqual([])
  block(false)
  inbox.proceed()
  expect(handled).toEqual([1, 2])
  expect(told).toEqual(['held', 'empty'])
})

test('what was cleared is not handled', async () => {
  const { inbox, handled, turn, block } = start()
  block(true)
  inbox.add(1)
  inbox.clear()
  block(false)
  inbox.proceed()
  await turn()
  expect(handled).toEqual([])
})
