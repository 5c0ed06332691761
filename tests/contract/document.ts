/** Reads the operations of the OpenAPI document, and checks whether a response is documented. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Reply } from './http.ts'

/** The part of a JSON Schema that tests read. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly examples?: readonly unknown[]
}

/** A parameter. `example` is a valid value. */
export interface Parameter {
  readonly in: 'path' | 'query' | 'header'
  readonly name: string
  readonly required?: boolean
  readonly description?: string
  readonly example?: unknown
  readonly schema: Schema
}

/** The content of a request or a response, by media type. */
export type Content = Readonly<
  Record<string, { schema: Schema; example?: unknown; examples?: Record<string, { value: unknown }> }>
>

/** A documented response. */
export interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, { schema: Schema }>>
  readonly content?: Content
}

/** One operation: a method of a path. */
export interface Operation {
  readonly operationId: string
  readonly method: string
  /** The path as in the document: `/api/chat/rooms/{room}`. */
  readonly path: string
  readonly summary?: string
  readonly description?: string
  readonly security: readonly object[]
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, Response>>
}

const file = join(import.meta.dirname, '../../docs/openapi.json')
/** The committed document. tests/cli/cli.e2e.test.ts checks that it is current. */
export const document = JSON.parse(readFileSync(file, 'utf8'))

type Item = Record<string, Omit<Operation, 'method' | 'path'>>

/** Every operation of the document. */
export const operations: readonly Operation[] = Object.entries<Item>(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    ...operation,
    method: method.toUpperCase(),
    path,
    parameters: operation.parameters ?? []
  }))
)

/** Returns the operation with this id. */
export const operationOf = (id: string): Operation => {
  const found = operations.find(({ operationId }) => operationId === id)
  if (!found) throw new Error(`The document has no operation ${id}.`)
  return found
}

/** Returns the component that a reference names, or the schema itself. */
export const resolve = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1) ?? '']

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/
const ajv = new Ajv2020({ allErrors: true, strict: false, formats: { 'date-time': TIMESTAMP, int64: true } })
ajv.addSchema({ $id: 'document', components: document.components })

const validators = new Map<Schema, ValidateFunction>()

/** Returns the violations of a schema of the document by a value, as text. Returns an empty text if there are none. */
export const faultsOf = (schema: Schema, value: unknown): string => {
  const validate = validators.get(schema) ?? ajv.compile(absolute(schema))
  validators.set(schema, validate)
  return validate(value) ? '' : ajv.errorsText(validate.errors)
}

const absolute = (schema: Schema): object =>
  JSON.parse(JSON.stringify(schema), (key, value) => (key === '$ref' ? `document${value}` : value))

/** Returns why a response is not one that the document describes for the operation. Returns an empty text if it is. */
export const undocumented = ({ responses }: Operation, { status, headers, text }: Reply): string => {
  const response = responses[status]
  if (!response) return `${status} is not documented`
  const type = headers['content-type']?.split(';')[0] ?? 'none'
  // Only redirects have no documented content.
  if (!response.content)
    return text === '' ? headerFaults(response, headers) : `${status} has a body that is not documented`
  const content = response.content[type]
  if (!content) return `${status} is not documented as ${type}`
  return headerFaults(response, headers) || faultsOf(content.schema, JSON.parse(text))
}

/** Returns which documented headers are missing or wrong. Those of rate limits may be missing, because limits can be turned off. */
const headerFaults = ({ headers: documented = {} }: Response, headers: Reply['headers']): string => {
  for (const [name, { schema }] of Object.entries(documented)) {
    const value = headers[name]
    if (value === undefined && !name.startsWith('x-ratelimit-')) return `the header ${name} is missing`
    const faults = value === undefined ? '' : faultsOf(schema, schema.type === 'integer' ? Number(value) : value)
    if (faults) return `the header ${name} is wrong: ${faults}`
  }
  return ''
}
