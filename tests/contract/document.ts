/** The OpenAPI document as tests read it: its operations, and a judge of whether an answer is one that it documents. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Reply } from './http.ts'

/** A JSON Schema, as far as tests look into it. */
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

/** A parameter; `example` is one that the service takes. */
export interface Parameter {
  readonly in: 'path' | 'query' | 'header'
  readonly name: string
  readonly required?: boolean
  readonly description?: string
  readonly example?: unknown
  readonly schema: Schema
}

/** The content of a request or an answer, by media type. */
export type Content = Readonly<
  Record<string, { schema: Schema; example?: unknown; examples?: Record<string, { value: unknown }> }>
>

/** A documented answer. */
export interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, { schema: Schema }>>
  readonly content?: Content
}

/** One operation: a method of a path. */
export interface Operation {
  readonly operationId: string
  readonly method: string
  /** As in the document: `/api/chat/rooms/{room}`. */
  readonly path: string
  readonly summary?: string
  readonly description?: string
  readonly security: readonly object[]
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, Response>>
}

const file = join(import.meta.dirname, '../../docs/openapi.json')
/** The document that is committed; tests/cli/cli.e2e.test.ts holds it to the service. */
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

/** The operation with this id. */
export const operationOf = (id: string): Operation => {
  const found = operations.find(({ operationId }) => operationId === id)
  if (!found) throw new Error(`The document has no operation ${id}.`)
  return found
}

/** A component that a reference names, or the schema itself. */
export const resolve = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1) ?? '']

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/
const ajv = new Ajv2020({ allErrors: true, strict: false, formats: { 'date-time': TIMESTAMP, int64: true } })
ajv.addSchema({ $id: 'document', components: document.components })

const validators = new Map<Schema, ValidateFunction>()

/** What is wrong with a value by a schema of the document, in words; empty when nothing is. */
export const faultsOf = (schema: Schema, value: unknown): string => {
  const validate = validators.get(schema) ?? ajv.compile(absolute(schema))
  validators.set(schema, validate)
  return validate(value) ? '' : ajv.errorsText(validate.errors)
}

const absolute = (schema: Schema): object =>
  JSON.parse(JSON.stringify(schema), (key, value) => (key === '$ref' ? `document${value}` : value))

/** Why an answer is not one that the document promises for the operation; empty when it is. */
export const undocumented = ({ responses }: Operation, { status, headers, text }: Reply): string => {
  const response = responses[status]
  if (!response) return `${status} is not documented`
  const type = headers['content-type']?.split(';')[0] ?? 'none'
  // A redirect has nothing to read.
  if (!response.content)
    return text === '' ? headerFaults(response, headers) : `${status} has a body that is not documented`
  const content = response.content[type]
  if (!content) return `${status} is not documented as ${type}`
  return headerFaults(response, headers) || faultsOf(content.schema, JSON.parse(text))
}

/** Every header that is documented must be there, but for those of limits, which may be turned off. */
const headerFaults = ({ headers: documented = {} }: Response, headers: Reply['headers']): string => {
  for (const [name, { schema }] of Object.entries(documented)) {
    const value = headers[name]
    if (value === undefined && !name.startsWith('x-ratelimit-')) return `the header ${name} is missing`
    const faults = value === undefined ? '' : faultsOf(schema, schema.type === 'integer' ? Number(value) : value)
    if (faults) return `the header ${name} is wrong: ${faults}`
  }
  return ''
}
