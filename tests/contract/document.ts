/** Reads the operations of docs/openapi.json, and checks whether a response is documented. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Reply } from './http.ts'

/** The keywords of JSON Schema that the tests read. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly examples?: readonly unknown[]
}

export interface Parameter {
  readonly in: 'path' | 'query' | 'header'
  readonly name: string
  readonly required?: boolean
  readonly description?: string
  readonly example?: unknown
  readonly schema: Schema
}

/** The schemas and examples of a request or a response body, keyed by media type. */
export type Content = Readonly<
  Record<string, { schema: Schema; example?: unknown; examples?: Record<string, { value: unknown }> }>
>

export interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, { schema: Schema }>>
  readonly content?: Content
}

export interface Operation {
  readonly operationId: string
  readonly method: string
  /** The path template, such as `/api/chat/rooms/{room}`. */
  readonly path: string
  readonly tags: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly security: readonly object[]
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, Response>>
}

const file = join(import.meta.dirname, '../../docs/openapi.json')
/** The committed OpenAPI document. tests/cli/cli.e2e.test.ts checks that it is current. */
export const document = JSON.parse(readFileSync(file, 'utf8'))

type Item = Record<string, Omit<Operation, 'method' | 'path'>>

export const operations: readonly Operation[] = Object.entries<Item>(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    ...operation,
    method: method.toUpperCase(),
    path,
    parameters: operation.parameters ?? []
  }))
)

/** Returns the operation with the given `operationId`. Throws if the document has none. */
export const operationOf = (id: string): Operation => {
  const found = operations.find(({ operationId }) => operationId === id)
  if (!found) throw new Error(`The document has no operation ${id}.`)
  return found
}

/** Returns the component that `$ref` names, or the schema itself if it has no `$ref`. */
export const resolve = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1) ?? '']

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/
const ajv = new Ajv2020({ allErrors: true, strict: false, formats: { 'date-time': TIMESTAMP, int64: true } })
ajv.addSchema({ $id: 'document', components: document.components })

const validators = new Map<Schema, ValidateFunction>()

/**
 * Checks a value against a schema of the document. Returns the violations as text, or an empty string if the value is valid.
 */
export const faultsOf = (schema: Schema, value: unknown): string => {
  const validate = validators.get(schema) ?? ajv.compile(absolute(schema))
  validators.set(schema, validate)
  return validate(value) ? '' : ajv.errorsText(validate.errors)
}

const absolute = (schema: Schema): object =>
  JSON.parse(JSON.stringify(schema), (key, value) => (key === '$ref' ? `document${value}` : value))

/**
 * Checks a response against the documented responses of an operation. Returns a description of the first difference, or an
 * empty string if the response is documented.
 */
export const undocumented = ({ responses }: Operation, { status, headers, text }: Reply): string => {
  const response = responses[status]
  if (!response) return `${status} is not documented`
  const type = headers['content-type']?.split(';')[0] ?? 'none'
  // A response without documented content, such as a 204, must have no body.
  if (!response.content)
    return text === '' ? headerFaults(response, headers) : `${status} has a body that is not documented`
  const content = response.content[type]
  if (!content) return `${status} is not documented as ${type}`
  const value = type === 'application/x-ndjson' ? text : JSON.parse(text)
  return headerFaults(response, headers) || faultsOf(content.schema, value)
}

/**
 * Returns a description of the first documented header that is missing or invalid, or an empty string. An `x-ratelimit-` header
 * may be missing, because rate limits can be turned off.
 */
const headerFaults = ({ headers: documented = {} }: Response, headers: Reply['headers']): string => {
  for (const [name, { schema }] of Object.entries(documented)) {
    const value = headers[name]
    if (value === undefined && !name.startsWith('x-ratelimit-')) return `the header ${name} is missing`
    const faults = value === undefined ? '' : faultsOf(schema, schema.type === 'integer' ? Number(value) : value)
    if (faults) return `the header ${name} is wrong: ${faults}`
  }
  return ''
}

/**
 * The tags of account operations. Most of these operations need a token, a code or a challenge from an earlier response, or
 * they end the user's access. So an example request cannot succeed alone. The tests of the routes cover these operations.
 */
const FLOW_TAGS = new Set(['auth', 'users', 'admin'])
const SINGLE_REQUESTS = new Set(['register', 'login', 'getMe', 'getAuthFeatures'])
/** Operations of rooms that need an owner, a member, another user, an invitation or a report. */
const ROOM_FLOWS = new Set([
  'updateRoom',
  'deleteRoom',
  'listRestrictions',
  'muteUser',
  'unmuteUser',
  'banUser',
  'unbanUser',
  'markRead',
  'hideRoom',
  'unhideRoom',
  'putMember',
  'removeMember',
  'openDirectRoom',
  'pinMessage',
  'unpinMessage',
  'createRoomInvitation',
  'revokeRoomInvitation',
  'showInvitation',
  'useInvitation',
  'blockUser',
  'unblockUser',
  'reportMessage',
  'listReports',
  'resolveReport'
])

/** Returns whether an operation is a step of a flow that needs several requests. */
export const isFlow = ({ operationId, tags }: Operation): boolean =>
  ROOM_FLOWS.has(operationId) || (tags.some(tag => FLOW_TAGS.has(tag)) && !SINGLE_REQUESTS.has(operationId))

/** The operations whose examples can succeed only if a message exists. */
const OF_A_MESSAGE = new Set([
  'editMessage',
  'deleteMessage',
  'addReaction',
  'removeReaction',
  'getMessage',
  'listReactions',
  'reportMessage'
])

export const needsMessage = ({ operationId }: Operation): boolean => OF_A_MESSAGE.has(operationId)
