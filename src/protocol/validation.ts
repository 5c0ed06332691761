/**
 * Validates HTTP requests and frames with Ajv, and reports all violated rules at once, each as a sentence. TypeBox's own
 * compiler is not used, because it measures strings in UTF-16 units and not in code points.
 */
import { Ajv, type ErrorObject, type FuncKeywordDefinition, type Options, type ValidateFunction } from 'ajv'
import { isVisible } from '../lib/text.ts'
import { components } from './components.ts'
import type { Violation } from './errors.ts'

// `verbose` adds the violated schema to each error. The `x-rule` or the `description` of the schema states the rule in words.
const options = { allErrors: true, verbose: true, useDefaults: true, strict: false, validateFormats: false }

const visible: FuncKeywordDefinition = {
  keyword: 'x-visible',
  type: 'string',
  validate: (isWanted: boolean, text: string) => !isWanted || isVisible(text),
  error: { message: 'must have a visible character' }
}

// Like `pattern`, but always in Unicode mode. JSON Schema does not guarantee this mode for `pattern`.
const has: FuncKeywordDefinition = {
  keyword: 'x-has',
  type: 'string',
  compile: (pattern: string) => {
    const expression = new RegExp(pattern, 'u')
    return (text: string) => expression.test(text)
  }
}

const keywords = [visible, has]

/**
 * Returns a function that compiles schemas and caches their validators by content. Many routes create equal schemas each time
 * that a server registers them. Without the cache, Ajv would compile each of these schemas and keep its validator forever.
 */
const compilerOf = (changed: Options): ((schema: object) => ValidateFunction) => {
  const ajv = new Ajv({ ...options, ...changed, keywords, schemas: components })
  const validators = new Map<string, ValidateFunction>()
  return schema => {
    const text = JSON.stringify(schema)
    const validator = validators.get(text) ?? ajv.compile(schema)
    validators.set(text, validator)
    return validator
  }
}

/** Compiles a schema for data with JSON types: bodies and frames. */
export const compile = compilerOf({})

/** Compiles a schema of the host application, with its own Ajv instance, so that its `$id` cannot conflict with others. */
export const compileApart = (schema: object): ValidateFunction => new Ajv({ ...options, keywords }).compile(schema)

/**
 * Compiles a schema for data that consists of strings: query strings, path parameters and headers. The validator converts each
 * string to the type in the schema.
 */
export const compileCoercing = compilerOf({ coerceTypes: true })

/** Returns the length of a string in Unicode code points, as Ajv counts it. */
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

/**
 * Maps the keyword of an error to a function that returns the violated rule, for example `must not be empty`. The rule
 * completes a sentence that begins with the name of a value.
 */
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

/**
 * Returns the rule that an error reports. For a custom keyword (`x-…`) that is not in `RULES`, the rule is the message of the
 * error. Ajv's own messages are never used.
 */
const ruleOf = (error: ErrorObject): string =>
  RULES[error.keyword]?.(error) ?? (error.keyword.startsWith('x-') ? error.message : undefined) ?? 'is not valid'

const pointer = (name: unknown): string => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`

/**
 * Returns the pointer to a missing or unknown property, relative to its object. The caller appends it to Ajv's path, because
 * the path of such an error ends at the object. For any other error, returns an empty string.
 */
const property = ({ keyword, params }: ErrorObject): string => {
  if (keyword === 'required') return pointer(params.missingProperty)
  return keyword === 'additionalProperties' ? pointer(params.additionalProperty) : ''
}

/** A violated rule. `rule` completes a sentence that begins with the name of a value, for example `must not be empty`. */
export interface BrokenRule {
  /** A JSON Pointer (RFC 6901) to the invalid value. */
  readonly path: string
  readonly rule: string
}

/** Converts Ajv's errors to violated rules. Each path begins with `base`. */
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

/** Returns the subject of a sentence about the value at a path, for example `Username` or `Item 2 of users`. */
const subjectOf = (path: string): string => {
  const names = path.split('/').map(name => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const [, part = ''] = names
  const name = names.at(-1) ?? ''
  if (names.length <= 2 && PARTS[part]) return PARTS[part]
  if (/^\d+$/.test(name)) return `Item ${Number(name) + 1} of ${names.at(-2)}`
  return name.charAt(0).toUpperCase() + name.slice(1)
}

/** Converts Ajv's errors to violations. Each message is one sentence, and each path begins with `base`. */
export const violations = (errors: readonly ErrorObject[], base = ''): Violation[] =>
  brokenRules(errors, base).map(({ path, rule }) => ({ path, message: `${subjectOf(path)} ${rule}.` }))

/** Joins the messages of violations into one string. */
export const sentencesOf = (violated: readonly Violation[]): string => violated.map(({ message }) => message).join(' ')
