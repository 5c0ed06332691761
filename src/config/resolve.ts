/** From what was set to what is used: everything is checked, all that is wrong is told at once, and no value is repeated. */
import { isIP } from 'node:net'
import proxyAddr from '@fastify/proxy-addr'
import { isDatabaseUrl, isSocket, parseDatabaseUrl } from '../lib/database-url.ts'
import { parseOrigin } from '../lib/origins.ts'
import { type BrokenRule, brokenRules, compile } from '../protocol/validation.ts'
import { environmentName, type SettingName, type Settings, SettingsInput, settingNames } from './settings.ts'

/** What to resolve. */
export interface ResolveOptions {
  /** What was set, by camelCase name: typed values from a host, strings from the environment. */
  readonly values: Readonly<Record<string, unknown>>
  /** `dev` guesses a database and lets any page in where `*` asks for it; `production` does neither. */
  readonly mode: 'dev' | 'production'
  /** How the operator knows the settings: as variables of the environment, or as options. */
  readonly names: 'environment' | 'options'
  /** What may be missing: the database where a host hands its own over, keys where nothing is signed or sealed. */
  readonly without?: readonly Need[]
  /** What is known to be wrong already. */
  readonly bad?: readonly BadSetting[]
}

/** What is needed as a rule. */
export type Need = 'database' | 'secretKey' | 'encryptionKey'

/** The settings, and what the operator should know about them. */
export interface Resolved {
  readonly settings: Settings
  readonly warnings: readonly string[]
}

/** A bad setting: its name, and what is wrong with it in words that follow the name. */
export interface BadSetting {
  readonly name: string
  readonly message: string
}

/** The configuration can't be used. The message names every bad setting and how to make a good one; never a value. */
export class ConfigError extends Error {
  readonly bad: readonly BadSetting[]

  constructor(bad: readonly BadSetting[], names: ResolveOptions['names'] = 'environment') {
    const shown = bad.map(
      ({ name, message }) => `  ${names === 'environment' ? environmentName(name) : name} ${message}`
    )
    const where =
      names === 'environment'
        ? 'Set them in the environment or in .env; .env.example lists every setting.'
        : 'They are options of the chat service; its README lists every setting.'
    super(['The configuration is not valid:', ...shown, where].join('\n'))
    this.name = 'ConfigError'
    this.bad = bad
  }
}

const isValid = compile(SettingsInput)

// Not `structuredClone`, which throws for a function and quotes its source.
const copyOf = (values: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]))

/** Resolves settings. Throws a ConfigError that names every bad one. */
export const resolveSettings = (options: ResolveOptions): Resolved => {
  const { values, mode, names, without = [], bad: unread = [] } = options
  const input = names === 'environment' ? fromStrings(values) : copyOf(values)
  for (const [name, value] of Object.entries(input)) if (value === undefined) delete input[name]

  const isExcused = (name: SettingName): boolean => without.some(need => need === name) && input[name] === undefined
  const broken = isValid(input) ? [] : brokenRules(isValid.errors ?? []).map(toBad)
  const isUnread = ({ name }: BadSetting): boolean => unread.some(one => one.name === name)
  const bad = [...unread, ...broken.filter(one => !isExcused(one.name as SettingName) && !isUnread(one))]
  const checked = input as Partial<SettingsInput>
  const good = (name: SettingName): boolean => !bad.some(one => one.name === name)
  bad.push(...meaning(checked, mode).filter(({ name }) => good(name as SettingName)))
  const database = databaseOf(checked, mode, !without.includes('database'))
  bad.push(...database.bad.filter(one => !isUnread(one)))
  if (bad.length > 0) throw new ConfigError(merged(bad), names)

  const { databaseHost, databasePort, databaseName, databaseUser, databasePassword, ...rest } = input as SettingsInput
  const corsOrigins = rest.corsOrigins.map(parseOrigin).flatMap(parsed => ('origin' in parsed ? [parsed.origin] : []))
  const ssl = rest.databaseSsl ?? sslOf(database.url)
  const settings: Settings = Object.freeze({
    ...rest,
    corsOrigins,
    ...(ssl ? { databaseSsl: ssl } : {}),
    databaseUrl: database.url,
    audience: rest.audience ?? rest.databaseSchema
  })
  return { settings, warnings: warningsOf(settings, database.warnings, mode) }
}

const toBad = ({ path, rule }: BrokenRule): BadSetting => {
  const [name = '', index] = path.slice(1).split('/')
  if (!(name in SettingsInput.properties)) return { name, message: 'is not a setting' }
  const { advice } = SettingsInput.properties[name as SettingName] as { advice?: string }
  const which = index === undefined ? '' : `(item ${Number(index) + 1}) `
  return { name, message: which + rule + (advice ? `. ${advice}` : '') }
}

/** One line a setting and fault: a list's several alternatives say the same twice. */
const merged = (bad: readonly BadSetting[]): BadSetting[] => [
  ...new Map(bad.map(one => [`${one.name} ${one.message}`, one])).values()
]

const fromStrings = (values: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const known = settingNames.filter(name => typeof values[name] === 'string' && values[name].trim() !== '')
  return Object.fromEntries(known.map(name => [name, fromString(name, String(values[name]).trim())]))
}

const fromString = (name: SettingName, value: string): unknown => {
  if (name === 'trustProxy') return { true: true, false: false, off: false }[value.toLowerCase()] ?? split(value)
  const { type } = SettingsInput.properties[name] as { type?: string }
  if (type === 'array') return split(value)
  if (type === 'boolean') return { true: true, '1': true, false: false, '0': false }[value.toLowerCase()] ?? value
  return type === 'integer' && /^-?\d+$/.test(value) ? Number(value) : value
}

const split = (value: string): string[] =>
  value
    .split(',')
    .map(item => item.trim())
    .filter(Boolean)

const PLACEHOLDER = /change[-_ ]?(me|this|it)|your[-_ ]?(secret|key|256)|replace[-_ ]?(me|this)|placeholder|example/i

const isWeak = (secret: string): boolean => PLACEHOLDER.test(secret) || new Set(secret).size < 10

/** What a schema can't say. */
const meaning = (input: Partial<SettingsInput>, mode: ResolveOptions['mode']): BadSetting[] => {
  const bad: BadSetting[] = []
  const refuse = (name: SettingName, message: string) => bad.push({ name, message })
  const make = 'Make one with `fastify-chat keys generate`.'
  for (const name of ['secretKey', 'encryptionKey'] as const) {
    const value = input[name]
    if (typeof value === 'string' && isWeak(value)) refuse(name, `is a placeholder or too easy to guess. ${make}`)
  }
  for (const [at, origin] of listOf(input.corsOrigins).entries()) {
    const parsed = parseOrigin(origin)
    if ('reason' in parsed) refuse('corsOrigins', `(item ${at + 1}) ${parsed.reason}`)
    else if (parsed.origin === '*' && mode === 'production') {
      refuse('corsOrigins', 'must not be * in production: name the origins of your pages')
    }
  }
  if (!listOf(input.trustProxy).every(isProxy)) {
    refuse('trustProxy', 'must be addresses or CIDRs such as 10.0.0.0/8 (a comma list), true or false')
  }
  for (const name of ['publicUrl', 'databaseUrl', 'databaseListenUrl'] as const) {
    const value = input[name]
    if (typeof value === 'string' && !value.startsWith('pglite:') && !isReadable(value)) {
      refuse(name, 'can not be read as a URL. Encode special characters (@ as %40, / as %2F, # as %23)')
    }
  }
  return bad
}

const isReadable = (url: string): boolean => (/^postgres/.test(url) ? isDatabaseUrl(url) : URL.canParse(url))

const listOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

/** Whether Fastify's own parser takes it; it also takes shorthands such as `10.1`, which are rather mistakes. */
const isProxy = (proxy: string): boolean => {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(proxy)) return true
  if (isIP(proxy.split('/', 1)[0] ?? '') === 0) return false
  try {
    proxyAddr.compile([proxy])
    return true
  } catch {
    return false
  }
}

interface Database {
  readonly url: string
  readonly bad: readonly BadSetting[]
  readonly warnings: readonly string[]
}

const PARTS = ['databaseHost', 'databaseName', 'databaseUser', 'databasePassword'] as const

const databaseOf = (input: Partial<SettingsInput>, mode: ResolveOptions['mode'], isNeeded: boolean): Database => {
  const given = PARTS.filter(name => input[name] !== undefined)
  const { databaseUrl } = input
  if (databaseUrl !== undefined) {
    const warnings = given.length > 0 ? ['DATABASE_URL is used; the separate DATABASE_… parts are ignored.'] : []
    return { url: databaseUrl, bad: [], warnings }
  }
  if (given.length === 0) {
    if (!isNeeded) return { url: '', bad: [], warnings: [] }
    if (mode === 'dev') return { url: 'pglite:.data/chat', bad: [], warnings: [] }
    const message = 'is missing. Give it, or DATABASE_HOST, DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD'
    return { url: '', bad: [{ name: 'databaseUrl', message }], warnings: [] }
  }
  // Over a Unix socket the server may know the user by the process.
  const isOptional = (name: string): boolean => name === 'databasePassword' && isSocket(input.databaseHost ?? '')
  const missing = PARTS.filter(name => input[name] === undefined && !isOptional(name))
  if (missing.length > 0) {
    return { url: '', bad: missing.map(name => ({ name, message: 'is missing' })), warnings: [] }
  }
  const url = urlOf(input)
  if (isDatabaseUrl(url)) return { url, bad: [], warnings: [] }
  const message = 'is not a host name, an address or the folder of a Unix socket'
  return { url: '', bad: [{ name: 'databaseHost', message }], warnings: [] }
}

const urlOf = ({
  databaseHost = '',
  databasePort = 5432,
  databaseName,
  databaseUser,
  databasePassword
}: Partial<SettingsInput>) => {
  const part = (value: unknown) => encodeURIComponent(String(value))
  const host = isSocket(databaseHost) ? part(databaseHost) : databaseHost
  const password = databasePassword === undefined ? '' : `:${part(databasePassword)}`
  const address = isIP(host) === 6 ? `[${host}]` : host
  return `postgres://${part(databaseUser)}${password}@${address}:${databasePort}/${part(databaseName)}`
}

/** A URL's own `sslmode`, as far as it asks for encryption. */
const sslOf = (url: string): Settings['databaseSsl'] => {
  if (!isDatabaseUrl(url)) return undefined
  const { sslmode: mode } = parseDatabaseUrl(url)
  if (mode === 'verify-full' || mode === 'verify-ca') return 'verify-full'
  return mode === 'require' ? 'require' : undefined
}

const warningsOf = (settings: Settings, warnings: readonly string[], mode: ResolveOptions['mode']): string[] => [
  ...warnings,
  ...(settings.trustProxy === true
    ? ['TRUST_PROXY is true: a client may choose the address that limits count. Name your proxies instead.']
    : []),
  ...(mode === 'production' && settings.databaseUrl.startsWith('pglite:')
    ? ['The embedded database is for development: it survives a killed process, but not a power cut.']
    : []),
  ...(mode === 'production' && settings.bcryptRounds < 10
    ? ['BCRYPT_ROUNDS is below 10: passwords are weakly kept.']
    : [])
]
