/**
 * Removes secrets and user data from errors and texts that are logged or printed. Database errors may quote rows and parameters,
 * and parsers may quote their input, so the messages of such errors are withheld. In all other messages, secrets are replaced.
 * Errors are recognized by their properties and not by the names of their classes, because a library may rename its classes.
 */
import { types } from 'node:util'

const SECRETS: readonly (readonly [RegExp, string])[] = [
  // A JWT. Matches only at the start of a word, so that a long text of `eyJeyJ…` is scanned only once.
  [/(?<![\w-])eyJ[\w-]*\.[\w-]*\.?[\w-]*/g, '[token]'],
  // Matches a refresh token, also in a cookie.
  [/(?<![\w-])[\w-]{22}\.\d{1,9}\.[\w-]{43}\.[\w-]{43}/g, '[token]'],
  [/([?&](?:access_)?token=)[^&\s"'<>]+/gi, '$1[token]'],
  // The code of an invitation to a room, in the path of a request or in a link.
  [/(\/chat\/invitations\/|#invite=)[^\s/?#&"'<>]+/g, '$1[code]'],
  [/\$2[abxy]\$\d\d\$[./\w]*/g, '[hash]'],
  // The next two patterns match a Fernet token and a Fernet key.
  [/(?<![\w-])gAAAA[\w-]{16,}=*/g, '[ciphertext]'],
  [/(?<![\w-])[\w-]{43}=(?![\w=-])/g, '[key]'],
  [/(:\/\/[^\s/@:]*):[^\s/@]+@/g, '$1:[password]@']
]

/** Replaces the parts of a text that look like a token, a hash, a ciphertext, a key or a password in a URL. */
export const redactText = (text: string): string =>
  SECRETS.reduce((redacted, [pattern, word]) => redacted.replace(pattern, word), text)

type Properties = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Properties => typeof value === 'object' && value !== null
const isError = (value: unknown): value is Error & Properties => types.isNativeError(value) || value instanceof Error

/** Matches SQLSTATE codes, but not the codes of Node's errors. */
const SQLSTATE = /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/
/**
 * Matches SQLSTATE codes whose messages may contain names, for example of tables, but no values. The exception is
 * `QUOTES_STATEMENT`: it matches too, although its message may contain a value.
 */
const NAMES_ONLY = /^(?:0[8A]|2[4-8]|3[BDF]|4[04]|42|5[3-8])|^XX00[12]$/
/** The SQLSTATE of `syntax error at or near …`, whose message quotes the statement. */
const QUOTES_STATEMENT = '42601'
/** The `routine` of an error from `RAISE`. Such an error may have any message and any code. */
const RAISE = 'exec_stmt_raise'

const sqlStateOf = ({ code }: Properties): string | undefined =>
  typeof code === 'string' && SQLSTATE.test(code) ? code : undefined

/**
 * Returns whether an object is an error of a database driver, or an error of a query builder that wraps a driver's error. Also
 * returns true for a notice of the database server.
 */
const isFromDatabase = (value: unknown): value is Properties =>
  isObject(value) &&
  (sqlStateOf(value) !== undefined || ('query' in value && ('params' in value || 'parameters' in value)))

/**
 * Returns the innermost database error among an error and its causes, because the errors that wrap a database error repeat its
 * message and add parameters.
 */
const databaseErrorIn = (error: unknown, depth = 0): Properties | undefined => {
  if (!isObject(error) || depth > 8) return undefined
  return databaseErrorIn(error.cause, depth + 1) ?? (isFromDatabase(error) ? error : undefined)
}

const WORD = /^[\w$. -]{1,64}$/
const wordIn = (object: Properties, ...names: string[]): string | undefined =>
  names.map(name => object[name]).find((value): value is string => typeof value === 'string' && WORD.test(value))

const codeOf = (object: Properties): string | undefined => wordIn(object, 'code')

const withheld = (why: string): string => `message withheld: ${why}`

/**
 * Returns whether a code comes from the operating system or from a network connection. The message of an error with such a code
 * contains no secrets or user data.
 */
const isNetworkCode = (code: string | undefined): boolean =>
  code !== undefined && /^(?:E[A-Z0-9]{2,}|CONNECT\w*)$/.test(code) && !SQLSTATE.test(code)

const databaseMessage = (error: Properties): string => {
  const message = typeof error.message === 'string' ? redactText(error.message) : ''
  const code = sqlStateOf(error)
  if (code && NAMES_ONLY.test(code) && code !== QUOTES_STATEMENT && error.routine !== RAISE) return message
  if (isNetworkCode(codeOf(error)) && !('params' in error)) return message
  return withheld('it may quote rows or parameters')
}

const VALUE_AT_END = /(\bReceived\b|^Cannot [^\n]*?(?: in| (?:on|of) string)) [\s\S]*$/

const otherMessage = (error: Error & Properties): string => {
  // The errors of `JSON.parse` quote its input.
  if (error instanceof SyntaxError) return withheld('it may quote input')
  // Node's errors about arguments end with `Received 'value'`, and some errors of V8 with `… of string 'value'`.
  const own = error.message.replace(VALUE_AT_END, '$1 [value]')
  const { cause } = error
  return redactText(isError(cause) && cause.message ? own.replaceAll(cause.message, describeCause(cause).message) : own)
}

/** Returns a stack in which `head` replaces the message. Omits the frames if the stack does not contain the original message. */
const stackOf = ({ stack, message }: Properties, head: string): string => {
  if (typeof stack !== 'string' || typeof message !== 'string') return head
  const at = stack.indexOf(message)
  const frames = at < 0 ? '' : stack.slice(at + message.length).replace(/^[^\n]*/, '')
  return head + redactText(frames)
}

/** The properties of an error that may be logged. */
export interface SafeError {
  readonly type: string
  readonly message: string
  readonly stack: string
  readonly code?: string
  readonly [more: string]: unknown
}

const DATABASE_FIELDS = [
  ['severity', 'severity'],
  ['routine', 'routine'],
  ['schema', 'schema_name', 'schema'],
  ['table', 'table_name', 'table'],
  ['column', 'column_name', 'column'],
  ['constraint', 'constraint_name', 'constraint']
] as const

/**
 * Shortens a text for a log line. The message of an error in a statement with thousands of parameters may be megabytes long.
 */
const clip = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… [clipped]` : text)
const MAX_TEXT = 4000

const describe = (error: Properties, said: string, more: Properties = {}): SafeError => {
  const message = clip(said)
  const type = wordIn(error, 'name') ?? 'Error'
  const code = codeOf(error)
  return { type, ...(code ? { code } : {}), message, ...more, stack: clip(stackOf(error, `${type}: ${message}`)) }
}

const describeDatabaseError = (error: Properties): SafeError => {
  const fields = DATABASE_FIELDS.map(([name, ...sources]) => [name, wordIn(error, ...sources)])
  return describe(error, databaseMessage(error), Object.fromEntries(fields.filter(([, value]) => value !== undefined)))
}

/**
 * Describes the cause of an error. The message of a cause may contain a chat message or a token, so only a network error keeps
 * its message.
 */
const describeCause = (error: Error & Properties): SafeError =>
  describe(error, isNetworkCode(codeOf(error)) ? redactText(error.message) : withheld('the error is a cause'))

/** Returns the properties of a thrown value that may be logged. */
export const describeError = (thrown: unknown): SafeError => {
  const known = isObject(thrown) ? described.get(thrown) : undefined
  if (known) return known
  const fromDatabase = databaseErrorIn(thrown)
  if (fromDatabase) return describeDatabaseError(fromDatabase)
  if (!isError(thrown)) return { type: typeof thrown, message: 'the thrown value is not an Error', stack: '' }
  const more = {
    ...(isError(thrown.cause) ? { cause: describeCause(thrown.cause) } : {}),
    ...(Array.isArray(thrown.errors) ? { errors: thrown.errors.filter(isError).slice(0, 5).map(describeError) } : {})
  }
  return describe(thrown, otherMessage(thrown), more)
}

/** Maps the errors that `asError` created to their descriptions, so that they are not redacted twice. */
const described = new WeakMap<object, SafeError>()

const asError = (description: SafeError): Error => {
  const { type, message, stack, ...more } = description
  const error = Object.assign(new Error(message), more)
  Object.defineProperties(error, { name: { value: type }, stack: { value: stack } })
  described.set(error, description)
  return error
}

/** Returns a copy of an error that any logger may write. The copy contains only what `describeError` returns. */
export const redactError = (thrown: unknown): Error =>
  isError(thrown) && described.has(thrown) ? thrown : asError(describeError(thrown))

/**
 * Like `redactError`, but keeps the message only of a database error or a network error. Used for errors of a host's functions,
 * because these functions receive chat messages and tokens.
 */
export const withholdMessage = (thrown: unknown): Error => {
  if (!isError(thrown) || databaseErrorIn(thrown)) return redactError(thrown)
  return asError(describeCause(thrown))
}

const MAX_DEPTH = 4

const redactValue = (value: unknown, depth: number): unknown => {
  if (typeof value === 'string') return redactText(value)
  if (isError(value)) return redactError(value)
  if (depth === 0 || !isObject(value)) return value
  if (Array.isArray(value)) return value.map(item => redactValue(item, depth - 1))
  const prototype = Object.getPrototypeOf(value)
  // The serializers of the logger handle instances of classes, for example requests and responses.
  if (prototype !== Object.prototype && prototype !== null) return value
  if (isFromDatabase(value)) return describeError(value)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item, depth - 1)]))
}

const withCauses = (error: unknown, depth = 0): Error[] =>
  isError(error) && depth < MAX_DEPTH ? [error, ...withCauses(error.cause, depth + 1)] : []

/** Redacts the arguments of a log call. If a text repeats the message of a logged error, that part is redacted too. */
export const redactArguments = (args: readonly unknown[]): unknown[] => {
  const [fields] = args
  const logged = [...args, ...(isObject(fields) ? Object.values(fields) : [])].filter(isError)
  const said = logged.flatMap(error => [
    [error.message, redactError(error).message] as const,
    ...withCauses(error.cause).map(cause => [cause.message, withholdMessage(cause).message] as const)
  ])
  const withoutMessages = (text: string): string =>
    said.reduce((rest, [message, safe]) => (message ? rest.replaceAll(message, safe) : rest), text)
  return args.map(arg => redactValue(typeof arg === 'string' ? withoutMessages(arg) : arg, MAX_DEPTH))
}
