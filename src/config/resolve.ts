/** Validates settings. Reports all errors at once, without the values of the settings. */
import { parseOrigin } from '../lib/origins.ts'
import { type BrokenRule, brokenRules, compile } from '../protocol/validation.ts'
import { databaseOf } from './database-url.ts'
import { type BadSetting, ConfigError, type Names } from './errors.ts'
import { fromStrings } from './from-strings.ts'
import { issuerOf } from './issuer.ts'
import { mailOf } from './mail.ts'
import type { Mode } from './settings/define.ts'
import { type SettingName, type Settings, SettingsInput, settingNames, settingOf } from './settings.ts'

export { type BadSetting, ConfigError } from './errors.ts'

export interface ResolveOptions {
  /** The given settings, keyed by camelCase name: typed values from a host application, or strings from the environment. */
  readonly values: Readonly<Record<string, unknown>>
  readonly mode: Mode
  readonly names: Names
  /**
   * Required settings that the caller allows to be missing. For example, the database may be missing if a host passes its own
   * client.
   */
  readonly without?: readonly Need[]
  /** Settings that are set twice or could not be read, to report together with the invalid settings. */
  readonly bad?: readonly BadSetting[]
}

/** A setting that is required unless `without` contains it. */
export type Need = 'database' | 'secretKey' | 'encryptionKey'

/** The resolved settings, and warnings for the operator. */
export interface Resolved {
  readonly settings: Settings
  readonly warnings: readonly string[]
}

const isValid = compile(SettingsInput)

// `structuredClone` is not used, because for a function it throws an error whose message contains the source of the function.
const copyOf = (values: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]))

/** Validates settings and applies defaults. Throws a ConfigError that lists every bad setting. */
export const resolveSettings = (options: ResolveOptions): Resolved => {
  const { values, mode, names, without = [], bad: unread = [] } = options
  const input = names === 'environment' ? fromStrings(values) : copyOf(values)
  for (const [name, value] of Object.entries(input)) if (value === undefined) delete input[name]

  const isExcused = (name: string): boolean => without.some(need => need === name) && input[name] === undefined
  const isUnread = ({ name }: BadSetting): boolean => unread.some(one => one.name === name)
  const broken = isValid(input) ? [] : brokenRules(isValid.errors ?? []).map(toBad)
  const bad = [...unread, ...broken.filter(one => !isExcused(one.name) && !isUnread(one))]
  bad.push(...checked(input, mode, bad))
  const database = databaseOf(input, mode, !without.includes('database'))
  bad.push(...database.bad.filter(one => !isUnread(one)))
  bad.push(...mailOf(input, mode), ...issuerOf(input))
  if (bad.length > 0) throw new ConfigError(merged(bad), names)

  const settings = settingsOf(input as SettingsInput, database.url)
  return { settings, warnings: [...database.warnings, ...warningsOf(settings, mode)] }
}

const toBad = ({ path, rule }: BrokenRule): BadSetting => {
  const [name = '', index] = path.slice(1).split('/')
  if (!(name in SettingsInput.properties)) return { name, message: 'is not a setting' }
  const { advice } = settingOf(name as SettingName)
  const which = index === undefined ? '' : `(item ${Number(index) + 1}) `
  return { name, message: which + rule + (advice ? `. ${advice}` : '') }
}

/** Runs the checks that a schema cannot express, for the settings that match the schema. */
const checked = (input: Readonly<Record<string, unknown>>, mode: Mode, bad: readonly BadSetting[]): BadSetting[] =>
  settingNames
    .filter(name => input[name] !== undefined && !bad.some(one => one.name === name))
    .flatMap(name => (settingOf(name).check?.(input[name], mode) ?? []).map(message => ({ name, message })))

/** Removes duplicate messages. */
const merged = (bad: readonly BadSetting[]): BadSetting[] => [
  ...new Map(bad.map(one => [`${one.name} ${one.message}`, one])).values()
]

const settingsOf = (input: SettingsInput, url: string): Settings => {
  const { databaseHost, databasePort, databaseName, databaseUser, databasePassword, ...rest } = input
  const corsOrigins = rest.corsOrigins.map(parseOrigin).flatMap(parsed => ('origin' in parsed ? [parsed.origin] : []))
  return Object.freeze({
    ...rest,
    corsOrigins,
    databaseUrl: url,
    audience: rest.audience ?? rest.databaseSchema
  })
}

const warningsOf = (settings: Settings, mode: Mode): string[] => {
  const { trustProxy, databaseUrl, bcryptRounds, smtpUrl, mailLinkUrl, webClient, authLocal } = settings
  return [
    ...(trustProxy === true
      ? [
          'TRUST_PROXY is true, so a client can choose the IP address that rate limits count. List your proxies instead.'
        ]
      : []),
    ...(mode === 'production' && databaseUrl.startsWith('pglite:')
      ? [
          'The embedded database is for development, because it may not survive a power failure. Use PostgreSQL instead.'
        ]
      : []),
    ...(mode === 'production' && bcryptRounds < 10
      ? ['BCRYPT_ROUNDS is below 10, so passwords are only weakly protected. Set it to 10 or more.']
      : []),
    ...(smtpUrl !== undefined && mailLinkUrl === undefined && !(webClient && authLocal)
      ? [
          `${webClient ? 'AUTH_LOCAL' : 'WEB_CLIENT'} is false, so links in mails lead to a page that does not exist. Set MAIL_LINK_URL to your own page.`
        ]
      : [])
  ]
}
