/** Tests that the documents use only features that any code generator supports. */
import { expect, test } from 'vitest'
import { createKinds } from '../../src/chat/kinds/index.ts'
import { buildAsyncApi } from '../../src/protocol/asyncapi.ts'
import { ERRORS } from '../../src/protocol/errors.ts'
import { document, operations } from './document.ts'

type Node = Record<string, unknown>

/** Returns all objects inside a value, each with the name of its property. */
const nodesOf = (value: unknown, name = ''): (readonly [name: string, node: Node])[] => {
  if (typeof value !== 'object' || value === null) return []
  const own = Array.isArray(value) ? [] : [[name, value as Node] as const]
  return [...own, ...Object.entries(value).flatMap(([key, child]) => nodesOf(child, key))]
}

const schemas = [...nodesOf(document), ...nodesOf(buildAsyncApi({ frames: createKinds().frames }))]

test('has patterns that mean the same in every dialect of regular expressions', () => {
  const patterns = schemas.map(([, { pattern }]) => pattern).filter(pattern => typeof pattern === 'string')
  expect(patterns.length).toBeGreaterThan(5)
  // Unicode properties, code point escapes and look-around don't work without flags, or in every regular expression engine.
  expect(patterns.filter(pattern => /\\p|\\u\{|\(\?/i.test(pattern))).toEqual([])
  for (const pattern of patterns) expect(() => new RegExp(pattern)).not.toThrow()
})

test('has 64-bit ids and places in a log', () => {
  const names = new Set(['id', 'user_id', 'seq', 'oldest'])
  const integers = schemas.filter(([name, { type }]) => names.has(name) && type === 'integer')
  expect(integers.length).toBeGreaterThan(5)
  expect(integers.filter(([, { format }]) => format !== 'int64')).toEqual([])
})

test('lists every error code of the catalog', () => {
  const { code } = document.components.schemas.ChatProblem.properties
  expect(code.enum).toEqual(Object.keys(ERRORS))
})

test('describes every operation', () => {
  expect(operations.filter(({ description }) => !description).map(({ operationId }) => operationId)).toEqual([])
})
