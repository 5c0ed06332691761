/**
 * Generates requests to an operation of the OpenAPI document. Most parts of a request are valid, but any part may be invalid.
 */
import fc, { codePoint } from '../support/properties.ts'
import { type Operation, type Parameter, resolve, type Schema } from './document.ts'
import type { Sent } from './http.ts'

const HUGE = 'x'.repeat(70_000)

/** Generates texts that often reveal bugs, such as control characters, paths and SQL. */
const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: codePoint, maxLength: 70 }),
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    'a\u0000b',
    '\ud800',
    'a\udfffb',
    '😀'.repeat(80),
    'e\u0301',
    '\u202etxt',
    'İI',
    '\ufeff'
  ),
  fc.constantFrom('.', '..', '../../etc/passwd', '%', '%00', '%s%n', "' or 1=1--", '"', '\\', '\r\nx: y', '{{7*7}}'),
  fc.constantFrom('null', 'true', '-1', '0', '1e999', 'NaN', '9007199254740993', '-9223372036854775809', '0x10', '١'),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'general', 'General', 'general ', HUGE)
)

/** Generates arbitrary JSON values. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, [], {}, [[]], [null]),
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(oddText, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 4 })
)

const mostly = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 5, arbitrary: good }, { weight: 1, arbitrary: bad })

/** Generates valid values for a schema: its examples, or values that match its type and pattern if it has no examples. */
const validValue = (schema: Schema): fc.Arbitrary<unknown> => {
  const { type, pattern, minimum = 0, maximum = 1_000_000, minLength = 0, maxLength = 1000, examples } = schema
  if (examples) return fc.constantFrom(...examples)
  if (type === 'integer') return fc.integer({ min: minimum, max: Math.min(maximum, 1_000_000) })
  if (type === 'boolean') return fc.boolean()
  if (type === 'object')
    return fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  if (pattern)
    return fc.stringMatching(new RegExp(pattern)).filter(({ length }) => length >= minLength && length <= maxLength)
  return fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
}

const objectOf = (schema: Schema): fc.Arbitrary<Record<string, unknown>> => {
  const [example = {}] = (schema.examples ?? []) as Record<string, unknown>[]
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const good = name in example ? fc.oneof(fc.constant(example[name]), validValue(property)) : validValue(property)
    return [name, mostly(good, anything)] as const
  })
  const required = schema.required ?? []
  return fc
    .tuple(
      fc.record(Object.fromEntries(properties), { requiredKeys: [] }),
      fc.record(Object.fromEntries(properties)),
      mostly<object>(fc.constant({}), fc.dictionary(oddText, anything, { maxKeys: 3 })),
      fc.integer({ max: 5, min: 0 })
    )
    .map(([some, all, extra, dice]) => {
      if (dice === 0) return { ...extra, ...some }
      const needed = Object.fromEntries(required.map(name => [name, all[name]]))
      // Half of the objects have only the required properties, because a random value of an optional property is often rejected.
      return dice > 2 ? needed : { ...extra, ...some, ...needed }
    })
}

/** Generates request bodies with their content types. Most bodies are valid for the operation. */
const bodyOf = ({ requestBody }: Operation): fc.Arbitrary<{ body?: string | Buffer; type?: string }> => {
  if (!requestBody) {
    return mostly<{ body?: string; type?: string }>(
      fc.constant({}),
      fc.constantFrom(
        { body: '{}', type: 'application/json' },
        { type: 'application/json' },
        { body: 'x', type: 'text/plain' }
      )
    )
  }
  const schema = resolve(requestBody.content['application/json']?.schema ?? {})
  const good = objectOf(schema).map(value => JSON.stringify(value))
  const bad: fc.Arbitrary<string | Buffer> = fc.oneof(
    anything.map(value => JSON.stringify(value)),
    oddText,
    good.map(text => text.slice(0, -1)),
    good.map(text => `\ufeff${text}`),
    good.map(text => Buffer.from(text, 'utf16le')),
    fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes)),
    fc.constantFrom(
      '{"a":1,"a":2}',
      '{"__proto__":{}}',
      '['.repeat(5000),
      `{"content":"${HUGE}"}`,
      `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`
    )
  )
  const types = fc.constantFrom(
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/xml',
    'application/json; charset=utf-16',
    'application/json, text/plain',
    'json',
    '',
    'APPLICATION/JSON',
    'application/problem+json',
    ';',
    'a/b;c="'
  )
  return fc.record({ body: mostly(good, bad), type: mostly(fc.constant('application/json'), types) })
}

const printable = (text: string): string => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 2000)

/** Generates values of a parameter. Most values are valid, and are encoded by `write`. The other values come from `odd`. */
const parameterValue = (
  parameter: Parameter,
  odd: fc.Arbitrary<string>,
  write: (text: string) => string
): fc.Arbitrary<string> => {
  const { schema, example } = parameter
  const good = example === undefined ? validValue(schema) : fc.oneof(validValue(schema), fc.constant(example))
  return mostly(
    good.map(value => write(String(value))),
    odd
  )
}

const escaped = (text: string): string => encodeURIComponent(text.toWellFormed().slice(0, 500))

/** Generates segments of a path or a query that often reveal bugs. Most are percent-encoded, and some are malformed. */
export const oddSegment: fc.Arbitrary<string> = fc.oneof(
  oddText.map(escaped),
  fc.constantFrom(
    '%',
    '%zz',
    '%00',
    '%c0%af',
    '%ff',
    '%ed%a0%80',
    '%2e%2e',
    '..',
    '%2F',
    '%252F',
    ';a=b',
    '%u0041',
    '+',
    ':room',
    '*',
    '[]'
  )
)

const pathOf = ({ path, parameters }: Operation): fc.Arbitrary<string> => {
  const names = parameters.filter(one => one.in === 'path')
  return fc
    .tuple(...names.map(one => parameterValue(one, oddSegment, escaped)))
    .map(words => names.reduce((text, { name }, at) => text.replace(`{${name}}`, () => words[at] ?? ''), path))
}

const queryOf = ({ parameters }: Operation): fc.Arbitrary<string> => {
  const pairs = parameters
    .filter(one => one.in === 'query')
    .map(one =>
      fc.option(
        parameterValue(one, oddSegment, escaped).map(word => `${one.name}=${word}`),
        { nil: '' }
      )
    )
  const extra = fc.constantFrom(
    'x=1',
    'limit=1&limit=2',
    'limit[]=1',
    'limit',
    '=',
    '&&',
    'after=%00',
    '__proto__=1',
    '?'
  )
  return fc
    .tuple(...pairs, mostly(fc.constant(''), extra))
    .map(words => words.filter(Boolean).join('&'))
    .map(query => (query ? `?${query}` : ''))
}

const headersOf = ({ parameters }: Operation): fc.Arbitrary<Record<string, string>> => {
  const own = parameters
    .filter(one => one.in === 'header')
    .map(one => [one.name, parameterValue(one, oddText.map(printable), printable)] as const)
  const odd = fc.constantFrom<Record<string, string>>(
    { accept: 'text/html' },
    { 'accept-encoding': 'br;q=9' },
    { 'x-request-id': 'a b' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { expect: '100-continue' },
    { cookie: '=;=;' },
    { range: 'bytes=0-0' },
    { 'if-none-match': '*' },
    { 'content-encoding': 'gzip' },
    { 'x-forwarded-for': '\xff, 1.2.3.4' },
    { host: 'evil.example:1' }
  )
  return fc
    .tuple(fc.record(Object.fromEntries(own), { requiredKeys: [] }), mostly(fc.constant({}), odd))
    .map(([some, other]) => ({ ...some, ...other }) as Record<string, string>)
}

/** Generates `Authorization` headers that contain no valid token. */
const badAuthorization = fc.oneof(
  fc.constantFrom(
    '',
    'Bearer',
    'Bearer ',
    'Bearer x',
    'Basic am9objpw',
    'bearer a.b.c',
    'Bearer eyJhbGciOiJub25lIn0.e30.',
    `Bearer ${'a'.repeat(9000)}`
  ),
  oddText.map(text => `Bearer ${printable(text)}`),
  fc
    .tuple(fc.jsonValue(), fc.jsonValue())
    .map(parts => `Bearer ${parts.map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.x`)
)

/**
 * Generates valid and invalid requests to an operation. Most requests contain `token`, which must be valid. The other requests
 * have an invalid `Authorization` header.
 */
export const requestsTo = (operation: Operation, token: string): fc.Arbitrary<Sent> =>
  fc
    .record({
      path: pathOf(operation),
      query: queryOf(operation),
      headers: headersOf(operation),
      authorization: fc.oneof(
        { weight: 8, arbitrary: fc.constant(`Bearer ${token}`) },
        { weight: 1, arbitrary: badAuthorization }
      ),
      content: bodyOf(operation)
    })
    .map(({ path, query, headers, authorization, content: { body, type } }) => ({
      method: operation.method,
      path: path + query,
      headers: { authorization, ...(type === undefined ? {} : { 'content-type': type }), ...headers },
      body
    }))
