/**
 * Tests what code generators need from the OpenAPI and AsyncAPI documents: portable patterns, 64-bit integers, error codes and
 * descriptions.
 */
import { expect, test } from 'vitest'
import { createKinds } from '../../src/chat/kinds/index.ts'
import { buildAsyncApi } from '../../src/protocol/asyncapi.ts'
import { ERRORS } from '../../src/protocol/errors.ts'
import { document, type Operation, operationOf, operations } from './document.ts'

type Node = Record<string, unknown>

/** Returns all objects in a value, including the value itself. `name` is the property name or array index of an object. */
const nodesOf = (value: unknown, name = ''): (readonly [name: string, node: Node])[] => {
  if (typeof value !== 'object' || value === null) return []
  const own = Array.isArray(value) ? [] : [[name, value as Node] as const]
  return [...own, ...Object.entries(value).flatMap(([key, child]) => nodesOf(child, key))]
}

const schemas = [...nodesOf(document), ...nodesOf(buildAsyncApi({ frames: createKinds().frames }))]

test('the documents contain only patterns that have the same meaning in every regular expression engine', () => {
  const patterns = schemas.map(([, { pattern }]) => pattern).filter(pattern => typeof pattern === 'string')
  expect(patterns.length).toBeGreaterThan(5)
  // Some regular expression engines do not support Unicode properties, code point escapes and look-around. Others support them
  // only with flags.
  expect(patterns.filter(pattern => /\\p|\\u\{|\(\?/i.test(pattern))).toEqual([])
  for (const pattern of patterns) expect(() => new RegExp(pattern)).not.toThrow()
})

test('the documents declare ids, seqs and other integers of more than 32 bits as 64-bit integers', () => {
  const names = new Set(['id', 'user_id', 'seq', 'oldest'])
  const isWide = ([name, { maximum }]: readonly [string, Node]) => names.has(name) || Number(maximum) >= 2 ** 31
  const integers = schemas.filter(one => one[1].type === 'integer' && isWide(one))
  expect(integers.length).toBeGreaterThan(5)
  expect(integers.filter(([, { format }]) => format !== 'int64')).toEqual([])
  const parameters = operations.flatMap(({ parameters = [] }) => parameters)
  expect(parameters.filter(({ schema }) => Number(schema.maximum) >= 2 ** 31).length).toBeGreaterThan(5)
})

test('the OpenAPI document lists every error code of the catalog', () => {
  const { code } = document.components.schemas.ChatProblem.properties
  expect(code.enum).toEqual(Object.keys(ERRORS))
})

test('every operation that reads for a user has a limit', () => {
  const reads = operations.filter(({ method, security }) => method === 'GET' && security?.length > 0)
  expect(reads.length).toBeGreaterThan(20)
  expect(reads.filter(one => !errorsOf(one).includes('rate_limited')).map(({ operationId }) => operationId)).toEqual([])
})

test('the OpenAPI document has a description of every operation', () => {
  expect(operations.filter(({ description }) => !description).map(({ operationId }) => operationId)).toEqual([])
})

/** Returns the error codes that an operation documents. */
const errorsOf = ({ responses }: Operation): string[] =>
  Object.values(responses).flatMap(({ content }) => Object.keys(content?.['application/problem+json']?.examples ?? {}))

test('the OpenAPI document lists what each login can return, and each token', () => {
  for (const id of ['login', 'logInWithCode', 'logInWithPasskey']) {
    const expected = ['invalid_credentials', 'account_suspended', 'email_not_verified', 'origin_not_allowed']
    expect([id, errorsOf(operationOf(id))]).toEqual([id, expect.arrayContaining(expected)])
  }
  const secured = operations.filter(({ security }) => security?.length > 0)
  expect(secured.length).toBeGreaterThan(20)
  for (const operation of secured) {
    const expected = ['missing_token', 'invalid_token', 'token_expired', 'account_suspended', 'account_deleted']
    expect([operation.operationId, errorsOf(operation)]).toEqual([
      operation.operationId,
      expect.arrayContaining(expected)
    ])
  }
})
