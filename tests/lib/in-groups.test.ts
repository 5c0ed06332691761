import { expect, test } from 'vitest'
import { inGroups } from '../../src/lib/in-groups.ts'

/** Starts groups of `size` over four items, of which `b` throws and `c` rejects. `looks` contains the items that were looked up. */
const start = (size: number) => {
  const looks: string[] = []
  const find = inGroups(['a', 'b', 'c', 'd'], size, (item): string | Promise<string> => {
    looks.push(item)
    if (item === 'b') throw new Error('no b')
    return item === 'c' ? Promise.reject(new Error('no c')) : item.toUpperCase()
  })
  return { looks, find }
}

test('looks up a whole group when its first item is needed, and no later group', () => {
  const { looks, find } = start(3)
  expect(looks).toEqual([])
  expect(find(0)).toBe('A')
  expect(looks).toEqual(['a', 'b', 'c'])
  expect(find(3)).toBe('D')
  expect(find(0)).toBe('A')
  expect(looks).toEqual(['a', 'b', 'c', 'd'])
})

test('an error of one item is reported for this item only', async () => {
  const { find } = start(4)
  expect(find(0)).toBe('A')
  // An unhandled rejection would fail the test.
  await new Promise(setImmediate)
  expect(() => find(1)).toThrow('no b')
  await expect(find(2)).rejects.toThrow('no c')
  expect(find(3)).toBe('D')
})

test('throws for an index beyond the items', () => {
  expect(() => start(2).find(4)).toThrow(RangeError)
})
