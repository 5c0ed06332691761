/** Tests the comparison of a run with the committed results. */
import { expect, test } from 'vitest'
import { asComparison, asTurns, mergeRows } from './committed.ts'
import type { Row } from './rows.ts'

const rowOf = (own: number[], peer = [100, 100, 100], title = 'messages'): Row => ({
  title,
  unit: 'messages/s',
  runs: new Map([
    ['peer', peer],
    ['own', own]
  ]),
  aims: [{ beside: 'peer', as: 'ratio', atLeast: 0.5 }]
})

test('marks a ratio whose median left the range of the committed runs', () => {
  expect(asComparison([rowOf([80, 82, 84])], [rowOf([60, 62, 64])])).toMatch(/x0\.82 .* -> x0\.62 .* moved/)
})

test('does not mark a ratio that stayed inside the range of either run', () => {
  expect(asComparison([rowOf([80, 82, 84])], [rowOf([60, 62, 90])])).not.toContain('moved')
  expect(asComparison([rowOf([50, 82, 84])], [rowOf([60, 62, 64])])).not.toContain('moved')
})

test('does not mark single runs, because they have no spread', () => {
  expect(asComparison([rowOf([80], [100])], [rowOf([40], [100])])).not.toContain('moved')
})

test('compares ratios, not values: a slower machine does not move them', () => {
  const halved = rowOf([40, 41, 42], [50, 50, 50])
  expect(asComparison([rowOf([80, 82, 84])], [halved])).not.toContain('moved')
})

test('names rows that are not in the committed results', () => {
  expect(asComparison([], [rowOf([80, 82, 84])])).toContain('messages\n  not in the committed table')
})

test('merges rows: measured ones replace the committed ones, and new ones come last', () => {
  const [kept, before, now, added] = [
    rowOf([1], [1], 'a'),
    rowOf([2], [1], 'b'),
    rowOf([3], [1], 'b'),
    rowOf([4], [1], 'c')
  ]
  expect(mergeRows([before, kept], [added, now])).toEqual([now, kept, added])
})

test('marks a row whose median left the range of another commit, over all turns', () => {
  const other = [rowOf([80, 90, 100]), rowOf([60, 61, 62])]
  expect(asTurns(other, [rowOf([50, 50, 50]), rowOf([55, 58, 59])])).toMatch(
    /71\.0 \(60.* -> 52\.5 .*x0\.74 {2}\*\* outside/
  )
  expect(asTurns(other, [rowOf([59, 61, 50]), rowOf([62, 70, 71])])).not.toContain('outside')
})
