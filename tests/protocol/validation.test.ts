import type { TSchema } from '@sinclair/typebox'
import { expect, test } from 'vitest'
import { compile, compileCoercing, violations } from '../../src/protocol/validation.ts'
import * as schemas from '../../src/schemas.ts'

const problemsOf = (schema: object, value: unknown, base = '/body') => {
  const validate = compile(schema)
  validate(value)
  return violations(validate.errors ?? [], base).map(({ path, message }) => `${path}: ${message}`)
}

test.for([
  [{ type: 'string' }, 1, 'A must be a string.'],
  [{ type: 'integer' }, 1.5, 'A must be an integer.'],
  [{ type: 'number' }, 'x', 'A must be a number.'],
  [{ type: 'boolean' }, 'x', 'A must be true or false.'],
  [{ type: 'object' }, [], 'A must be an object.'],
  [{ type: 'array' }, {}, 'A must be an array.'],
  [{ type: ['string', 'null'] }, 1, 'A must be a string or null.'],
  [{ type: 'string', minLength: 1 }, '', 'A must not be empty.'],
  [{ type: 'string', minLength: 3 }, '', 'A must have at least 3 characters.'],
  [{ type: 'string', maxLength: 1 }, 'xx', 'A must have at most 1 character.'],
  [{ type: 'string', pattern: 'x' }, 'y', 'A is not valid.'],
  [{ type: 'string', pattern: 'x', 'x-rule': 'must have an x' }, 'y', 'A must have an x.'],
  [{ minimum: 1 }, 0, 'A must be at least 1.'],
  [{ maximum: 1 }, 2, 'A must be at most 1.'],
  [{ exclusiveMinimum: 1 }, 1, 'A must be greater than 1.'],
  [{ exclusiveMaximum: 1 }, 1, 'A must be less than 1.'],
  [{ multipleOf: 2 }, 1, 'A is not valid.'],
  [{ enum: ['x', 'y'] }, 'z', 'A must be one of x, y.'],
  [{ const: 'x' }, 'z', 'A must be "x".'],
  [{ type: 'array', minItems: 1 }, [], 'A must have at least 1 item.'],
  [{ type: 'array', maxItems: 1 }, [1, 2], 'A must have at most 1 item.'],
  [{ type: 'array', uniqueItems: true }, [1, 1], 'A must not contain an item twice.'],
  [{ not: {} }, 1, 'A is not valid.']
] as const)('it reports a value that violates %o with a specific message', ([schema, value, sentence]) => {
  expect(problemsOf({ type: 'object', properties: { a: schema } }, { a: value })).toEqual([`/body/a: ${sentence}`])
})

test('it names missing and unknown properties, items of lists, and the parts of a request', () => {
  const schema = { type: 'object', required: ['name'], properties: { name: {} }, additionalProperties: false }
  expect(problemsOf(schema, { 'a/b': 1 })).toEqual([
    '/body/name: Name is missing.',
    '/body/a~1b: A/b is unknown; remove it.'
  ])
  expect(problemsOf(schema, [])).toEqual(['/body: The body must be an object.'])
  expect(problemsOf(schema, 1, '/query')).toEqual(['/query: The query must be an object.'])
  const list = { properties: { rooms: { type: 'array', items: { type: 'string' } } } }
  expect(problemsOf(list, { rooms: ['x', 1] })).toEqual(['/body/rooms/1: Item 2 of rooms must be a string.'])
})

/** Returns a schema and all schemas inside it. */
const partsOf = (schema: unknown): TSchema[] =>
  typeof schema === 'object' && schema !== null ? [schema as TSchema, ...Object.values(schema).flatMap(partsOf)] : []

test('every pattern in a schema has a description of its rule', () => {
  const patterns = partsOf(Object.values(schemas)).filter(({ pattern }) => typeof pattern === 'string')
  expect(patterns.length).toBeGreaterThan(5)
  const rules = patterns.map(part => String(part['x-rule'] ?? part.description))
  expect(rules.filter(rule => !/^(must|can not) /.test(rule))).toEqual([])
})

test('it compiles equal schemas once, so that servers in one process share the validators', () => {
  const schema = () => ({ type: 'object', properties: { once: { type: 'integer' } } })
  for (const compiler of [compile, compileCoercing]) expect(compiler(schema())).toBe(compiler(schema()))
  expect(compile(schema())).not.toBe(compileCoercing(schema()))
  expect(compile(schema())).not.toBe(compile({ ...schema(), required: ['once'] }))
})
