import { describe, expect, test } from 'vitest'
import { brokenBound, outlineOf } from '../../src/lib/json-bounds.ts'
import fc from '../support/properties.ts'

/** Returns the nesting depth of a parsed value. */
const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0

/** Returns the number of objects and arrays in a parsed value, plus the number of commas that separate their items in JSON. */
const partsOf = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0
  const inner = Object.values(value)
  return 1 + Math.max(0, inner.length - 1) + inner.reduce((sum: number, one) => sum + partsOf(one), 0)
}

// Generates strings of characters that have a meaning in the syntax of JSON.
const text = fc.string({
  maxLength: 200,
  size: 'max',
  unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', 'a', '\u2028', '🌊')
})
const { value: json } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 8, depthSize: 'large' },
    text,
    fc.double(),
    fc.constant(null),
    tie('list'),
    tie('object')
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(text, tie('value'), { maxKeys: 4 })
}))

describe('the bounds of a JSON text', () => {
  test('counts the depth and the parts of a JSON text correctly', () => {
    fc.assert(
      fc.property(json, fc.constantFrom('', ' ', '\t'), (value, space) => {
        const written = JSON.stringify(value, null, space)
        const parsed = JSON.parse(written)
        const [maxDepth, maxParts] = [depthOf(parsed), partsOf(parsed)]
        expect(brokenBound(written, { maxDepth, maxParts })).toBeUndefined()
        if (maxDepth === 0) return
        expect(brokenBound(written, { maxDepth: maxDepth - 1 })).toContain('levels')
        expect(brokenBound(written, { maxParts: maxParts - 1 })).toContain('in total')
      }),
      { numRuns: 1000 }
    )
  })

  test('reports a violation without reading the rest of the text', () => {
    const endless = { length: Number.POSITIVE_INFINITY, charCodeAt: () => '['.charCodeAt(0) } as unknown as string
    expect(brokenBound(endless)).toContain('32 levels')
  })

  test.for(['"', '"\\', `"${'x'.repeat(100)}\\"`, '{"a":"', ']]]]', '', '\\'])(
    'returns for a text that is not JSON: %j',
    broken => {
      expect(brokenBound(broken)).toBeUndefined()
    }
  )
})

describe('the outline of a JSON object', () => {
  test('returns the members of a JSON object, with null in place of nested values', () => {
    fc.assert(
      fc.property(fc.dictionary(text, json, { maxKeys: 8 }), object => {
        const parsed = JSON.parse(JSON.stringify(object))
        const flat = Object.entries(parsed).map(([key, value]) => [key, depthOf(value) > 0 ? null : value])
        expect(JSON.parse(outlineOf(JSON.stringify(object)) as string)).toEqual(Object.fromEntries(flat))
      }),
      { numRuns: 500 }
    )
  })

  test('returns no outline of a JSON object with too many members', () => {
    expect(outlineOf(`{${'"a":1,'.repeat(100)}"b":1}`)).toBeUndefined()
  })
})
