/**
 * Validates HTTP requests and frames with Ajv, which counts characters as code points (TypeBox's own compiler counts UTF-16
 * units), and reports every violated rule at once, as sentences.
 */
import { Ajv, type ErrorObject, type FuncKeywordDefinition, type ValidateFunction } from 'ajv'
import { isVisible } from '../lib/text.ts'
import { components } from './components.ts'
import type { Violation } from './errors.ts'

// `verbose` adds the violated schema to each error; its `x-rule` or description describes the rule.
const options = { allErrors: true, verbose: true, useDefaults: true, strict: false, validateFormats: false }

const visible: FuncKeywordDefinition = {
  keyword: 'x-visible',
  type: 'string',
  validate: (isWanted: boolean, text: string) => !isWanted || isVisible(text),
  error: { message: 'must have a visible character' }
}

// A regular expression in Unicode mode, which JSON Schema's `pattern` does not guarantee.
const has: FuncKeywordDefinition = {
  keyword: 'x-has',
  type: 'string',
  compile: (pattern: string) => {
    const expression = new RegExp(pattern, 'u')
    return (text: string) => expression.test(text)
  }
}

const keywords = [visible, has]
const strictAjv = new Ajv({ ...options, keywords, schemas: components })
const coercingAjv = new Ajv({ ...options, coerceTypes: true, keywords, schemas: components })

/** Compiles a schema for data with JSON types: bodies and frames. */
export const compile = (schema: object): ValidateFunction => strictAjv.compile(schema)

/** Compiles a schema for data that consists of strings: query strings, path parameters, headers. */
export const compileCoercing = (schema: object): ValidateFunction => coercingAjv.compile(schema)

/** Returns the length of a string in characters: Unicode code points, as Ajv counts them. */
export const characters = (text: string): number => {
  let count = 0
  for (const _ of text) count++
  return count
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  object: 'an object',
  array: 'an array',
  null: 'null'
}

const several = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const inSchema = ({ parentSchema }: ErrorObject): string =>
  parentSchema?.['x-rule'] ?? parentSchema?.description ?? 'is not valid'

/** Maps the keyword of an error to the violated rule, as the end of a sentence. */
const RULES: Readonly<Record<string, (error: ErrorObject) => string>> = {
  required: () => 'is missing',
  additionalProperties: () => 'is unknown; remove it',
  type: ({ params }) =>
    `must be ${[params.type]
      .flat()
      .map(type => TYPES[type] ?? type)
      .join(' or ')}`,
  enum: ({ params }) => `must be one of ${params.allowedValues.join(', ')}`,
  const: ({ params }) => `must be ${JSON.stringify(params.allowedValue)}`,
  pattern: inSchema,
  'x-has': inSchema,
  minLength: ({ params }) =>
    params.limit === 1 ? 'must not be empty' : `must have at least ${several(params.limit, 'character')}`,
  maxLength: ({ params }) => `must have at most ${several(params.limit, 'character')}`,
  minimum: ({ params }) => `must be at least ${params.limit}`,
  maximum: ({ params }) => `must be at most ${params.limit}`,
  exclusiveMinimum: ({ params }) => `must be greater than ${params.limit}`,
  exclusiveMaximum: ({ params }) => `must be less than ${params.limit}`,
  minItems: ({ params }) => `must have at least ${several(params.limit, 'item')}`,
  maxItems: ({ params }) => `must have at most ${several(params.limit, 'item')}`,
  uniqueItems: () => 'must not contain an item twice',
  anyOf: () => 'must match one of the schemas in the API document',
  oneOf: () => 'must match one of the schemas in the API document'
}

/** Returns the rule of an error. Ajv's own messages are never shown; those of our keywords are ours. */
const ruleOf = (error: ErrorObject): string =>
  RULES[error.keyword]?.(error) ?? (error.keyword.startsWith('x-') ? error.message : undefined) ?? 'is not valid'

const pointer = (name: unknown): string => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`

/** Returns the property that an error concerns, if Ajv's path ends at its object. */
const property = ({ keyword, params }: ErrorObject): string => {
  if (keyword === 'required') return pointer(params.missingProperty)
  return keyword === 'additionalProperties' ? pointer(params.additionalProperty) : ''
}

/** Describes a violated rule: where, and which, as the end of a sentence. */
export interface BrokenRule {
  /** Holds a JSON Pointer (RFC 6901). */
  readonly path: string
  readonly rule: string
}

/** Returns the rules that Ajv's errors violate; paths are below `base`. */
export const brokenRules = (errors: readonly ErrorObject[], base = ''): BrokenRule[] =>
  errors
    .filter(error => error.keyword !== 'allOf')
    .map(error => ({ path: base + error.instancePath + property(error), rule: ruleOf(error) }))

const PARTS: Readonly<Record<string, string>> = {
  '': 'It',
  body: 'The body',
  query: 'The query',
  params: 'The path',
  headers: 'The header'
}

/** Returns the name of a path, as the subject of a sentence. */
const subjectOf = (path: string): string => {
  const names = path.split('/').map(name => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const [, part = ''] = names
  const name = names.at(-1) ?? ''
  if (names.length <= 2 && PARTS[part]) return PARTS[part]
  if (/^\d+$/.test(name)) return `Item ${Number(name) + 1} of ${names.at(-2)}`
  return name.charAt(0).toUpperCase() + name.slice(1)
}

/** Returns Ajv's errors as violations, each a sentence; paths are below `base`. */
export const violations = (errors: readonly ErrorObject[], base = ''): Violation[] =>
  brokenRules(errors, base).map(({ path, rule }) => ({ path, message: `${subjectOf(path)} ${rule}.` }))

/** Returns the sentences of violations as one text. */
export const sentencesOf = (violated: readonly Violation[]): string => violated.map(({ message }) => message).join(' ')

/** Returns whether an error is one of Ajv, and not of another validator. */
export const isAjvError = (error: unknown): error is ErrorObject =>
  typeof error === 'object' &&
  error !== null &&
  'keyword' in error &&
  typeof error.keyword === 'string' &&
  'instancePath' in error &&
  typeof error.instancePath === 'string' &&
  'params' in error &&
  typeof error.params === 'object' &&
  error.params !== null
