/**
 * Defines the kinds of entries that belong to the host application. An entry carries data in the form that the host declares.
 * All of this data is encrypted.
 */
import { type TSchema, Type } from '@sinclair/typebox'
import type { ValidateFunction } from 'ajv'
import { ChatError } from '../../protocol/errors.ts'
import { messageFields } from '../../protocol/http/messages.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { compileApart, sentencesOf, violations } from '../../protocol/validation.ts'
import { defineKind, type Kind } from './kind.ts'

/**
 * Maps the name of each kind of the host application to the schema of its data, in TypeBox or JSON Schema. A name has at least
 * one dot, for example `acme.order`.
 */
export type HostKinds = Readonly<Record<string, TSchema | Readonly<Record<string, unknown>>>>

/** Maximum size of the data of an entry, serialized as JSON, in UTF-8 bytes. */
export const MAX_DATA_BYTES = 16 * 1024

const NAME = /^(?=.{3,64}$)[a-z0-9_-]+(\.[a-z0-9_-]+)+$/

const { content: _, meta: __, ...place } = messageFields

/**
 * Returns the kinds that the host application declares. Throws a TypeError if a name is not valid, or if a schema is not a
 * valid JSON Schema.
 */
export const hostKinds = (declared: HostKinds = {}): Kind[] =>
  Object.entries(declared).map(([name, schema]) => hostKind(name, schema))

const hostKind = (name: string, schema: HostKinds[string]): Kind => {
  if (!NAME.test(name)) {
    throw new TypeError(
      `The kind "${name}" has no valid name. Use 3-64 characters of a-z, 0-9, "_" and "-", with a dot in between, such as "acme.order".`
    )
  }
  const validate = validatorOf(name, schema)
  const type = Type.Literal(name)
  const data = Type.Unsafe<unknown>(documented(schema))
  return defineKind({
    kind: name,
    action: 'post',
    isOfHost: true,
    command: Type.Object({ type, data }),
    frame: Type.Object({
      type,
      ...place,
      data: Type.Unsafe<unknown>({ anyOf: [data, { type: 'null' }], description: 'Null if it cannot be shown.' }),
      unavailable: Type.Optional(Type.Union([Type.Literal('key'), Type.Literal('erased')])),
      timestamp: Timestamp
    }),
    summary: { command: 'Not sent by clients', frame: `An entry of the application: ${name}` },
    encrypted: ['content'],
    prepare: command => ({ content: dataText(command.data, validate), meta: null }),
    show: ({ content }) => ({ data: dataOf(content) }),
    isSameDetail: () => true
  })
}

const validatorOf = (name: string, schema: HostKinds[string]): ValidateFunction => {
  try {
    return compileApart(schema)
  } catch (cause) {
    throw new TypeError(`The schema of the kind "${name}" is not a valid JSON Schema: ${(cause as Error).message}`, {
      cause
    })
  }
}

/** Returns a copy of a schema without TypeBox's symbols. */
const documented = (schema: object): object => JSON.parse(JSON.stringify(schema))

const invalid = (detail: string, more: object = {}): ChatError => new ChatError('validation_failed', detail, more)

/**
 * Returns a copy of the data as JSON represents it, so that clients receive exactly the data that is validated. Throws
 * `validation_failed` if the data cannot be serialized as JSON.
 */
export const plainData = (given: unknown): unknown => {
  try {
    return JSON.parse(JSON.stringify(given))
  } catch (cause) {
    throw invalid('The data cannot be represented as JSON. Pass plain objects, arrays, texts, numbers and booleans.', {
      cause
    })
  }
}

const dataText = (data: unknown, validate: ValidateFunction): string => {
  if (!validate(data)) {
    const errors = violations(validate.errors ?? [], '/data')
    throw invalid(`The value is not valid. ${sentencesOf(errors)}`, { errors })
  }
  const text = JSON.stringify(data).toWellFormed()
  const bytes = Buffer.byteLength(text)
  if (bytes <= MAX_DATA_BYTES) return text
  throw invalid(`The data has ${bytes} bytes as JSON. Pass at most ${MAX_DATA_BYTES}.`)
}

const dataOf = (content: string | null): unknown => {
  try {
    return content === null ? null : JSON.parse(content)
  } catch {
    return null
  }
}
