import { expect, test } from 'vitest'
import { createSlices } from '../../../src/chat/log/slices.ts'

/** Creates slices of 2 ms, with a clock that advances by 1 ms each time that it is read. */
const start = () => {
  let now = 0
  const slices = createSlices({ clock: { monotonic: () => now++ }, maxMs: 2 })
  let turn = 0
  let isDone = false
  const count = () =>
    setImmediate(() => {
      turn++
      if (!isDone) count()
    })
  count()
  const stop = () => {
    isDone = true
  }
  return { slices, turn: () => turn, stop }
}

const items = (count: number) => Array.from({ length: count }, (_, at) => at)

test('items are processed in order, and for at most the maximum time per turn', async () => {
  const { slices, turn, stop } = start()
  const inTurn = new Map<number, number>()
  const results = await slices.map(items(20), item => {
    inTurn.set(turn(), (inTurn.get(turn()) ?? 0) + 1)
    return item * 2
  })
  stop()
  expect(results).toEqual(items(20).map(item => item * 2))
  expect(Math.max(...inTurn.values())).toBeLessThanOrEqual(2)
})

test('a short job does not wait for a long one', async () => {
  const { slices, stop } = start()
  const ended: string[] = []
  await Promise.all([
    slices.map(items(1000), () => {}).then(() => ended.push('long')),
    slices.map(items(1), () => {}).then(() => ended.push('short'))
  ])
  stop()
  expect(ended).toEqual(['short', 'long'])
})

test('a job that throws rejects, and later jobs are processed', async () => {
  const { slices, stop } = start()
  const broken = slices.map([1, 2], () => {
    throw new Error('broken')
  })
  await expect(broken).rejects.toThrow('broken')
  expect(await slices.map([1], item => item)).toEqual([1])
  expect(await slices.map([], item => item)).toEqual([])
  stop()
})

test('jobs that begin in the same turn share its time', async () => {
  const { slices, turn, stop } = start()
  const inTurn = new Map<number, number>()
  const count = () => void inTurn.set(turn(), (inTurn.get(turn()) ?? 0) + 1)
  await Promise.all(items(10).map(() => slices.map(items(4), count)))
  stop()
  expect([...inTurn.values()].reduce((sum, n) => sum + n, 0)).toBe(40)
  // A turn of the event loop has at most two runs: one that a job begins, and one that continues the jobs.
  expect(Math.max(...inTurn.values())).toBeLessThanOrEqual(4)
})
