/**
 * One validator for HTTP and the WebSocket: Ajv, which counts characters as code points (TypeBox's own compiler counts
 * UTF-16 units), and which tells every violated rule at once, in words.
 */
import { Ajv, type ErrorObject, type FuncKeywordDefinition, type ValidateFunction } from 'ajv'
import type { Violation } from './errors.ts'
import { isVisible } from './lib/text.ts'
import { components } from './schemas/index.ts'

// `verbose` gives each violation the schema it broke, whose `x-rule` or description says the rule in words.
const options = { allErrors: true, verbose: true, useDefaults: true, strict: false, validateFormats: false }

const visible: FuncKeywordDefinition = {
  keyword: 'x-visible',
  type: 'string',
  validate: (isWanted: boolean, text: string) => !isWanted || isVisible(text),
  error: { message: 'must have a visible character' }
}

const strictAjv = new Ajv({ ...options, keywords: [visible], schemas: components })
const coercingAjv = new Ajv({ ...options, coerceTypes: true, keywords: [visible], schemas: components })

/** Compiles a schema for data that has its types already: bodies and frames. */
export const compile = (schema: object): ValidateFunction => strictAjv.compile(schema)

/** Compiles a schema for data that comes as strings: query strings, path parameters, headers. */
export const compileCoercing = (schema: object): ValidateFunction => coercingAjv.compile(schema)

/** How long a string is in characters: Unicode code points, as Ajv counts them. */
export const characters = (text: string): number => {
  let count = 0
  for (const _ of text) count++
  return count
}

const inWords = ({ keyword, params, parentSchema, message }: ErrorObject): string => {
  if (keyword === 'required') return 'is missing'
  if (keyword === 'pattern') return parentSchema?.['x-rule'] ?? parentSchema?.description ?? message ?? 'is not valid'
  if (keyword === 'enum') return `must be one of ${params.allowedValues.join(', ')}`
  if (keyword === 'const') return `must be ${JSON.stringify(params.allowedValue)}`
  return message ?? 'is not valid'
}

const pointer = (name: unknown): string => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`

/** The property that an error is about, where Ajv's path stops at the object. */
const property = ({ keyword, params }: ErrorObject): string => {
  if (keyword === 'required') return pointer(params.missingProperty)
  return keyword === 'additionalProperties' ? pointer(params.additionalProperty) : ''
}

/** Ajv's errors as violations; paths are JSON Pointers (RFC 6901) below `base`. */
export const violations = (errors: readonly ErrorObject[], base = ''): Violation[] =>
  errors
    .filter(error => error.keyword !== 'allOf')
    .map(error => ({ path: base + error.instancePath + property(error), message: inWords(error) }))
