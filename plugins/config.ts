/**
 * Validates and freezes the settings. Decorates the Fastify instance with `chatConfig`. No other file reads the settings of the
 * service from the environment.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { collectEnvironment } from '../src/config/environment.ts'
import { ConfigError } from '../src/config/errors.ts'
import { type Resolved, type ResolveOptions, resolveSettings } from '../src/config/resolve.ts'
import type { Settings, SettingsInput } from '../src/config/settings.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatConfig: Settings
  }
}

/**
 * The settings as options. `encryptionKey` is required. `secretKey` is required unless a host authenticates the users. The
 * settings of the database are required unless a host passes its own client.
 */
export type HostSettings = { readonly [Name in keyof SettingsInput]?: SettingsInput[Name] | undefined }

export interface ChatConfigOptions {
  /** The settings. If given, the environment is not read. */
  readonly settings?: HostSettings
  /** Resolved settings, which are used instead of `settings`. */
  readonly resolved?: Resolved
  /** Settings that may be missing, although they are usually required. See `ResolveOptions`. */
  readonly without?: ResolveOptions['without']
}

/** The options for reading the environment. `cwd` is the folder that contains `.env`. */
export interface ReadOptions extends Pick<ResolveOptions, 'mode' | 'without'> {
  readonly cwd?: string
}

/**
 * Returns the settings in the environment and in the `.env` of a folder, as strings keyed by camelCase name. Does not validate
 * them.
 */
export const environmentValues = (cwd = process.cwd()): Record<string, string> =>
  collectEnvironment({ environment: process.env, cwd }).values

/** Returns the validated settings of the environment and `.env`. Throws a ConfigError that lists every invalid setting. */
export const readEnvironment = ({ cwd = process.cwd(), ...options }: ReadOptions): Resolved =>
  resolveSettings({ ...options, ...collectEnvironment({ environment: process.env, cwd }), names: 'environment' })

/**
 * Returns values that only one command needs, keyed by the given names in camelCase. They are read in the same way as settings,
 * including from files. Throws a ConfigError that lists the values which are missing or cannot be read.
 */
export const readForCommand = <Name extends string>(names: readonly Name[]): Record<Name, string> => {
  const { values, bad } = collectEnvironment({ environment: process.env, cwd: process.cwd(), names })
  const isGiven = (name: string): boolean => name in values || bad.some(one => one.name === name)
  const missing = names.filter(name => !isGiven(name)).map(name => ({ name, message: 'is missing' }))
  if (bad.length + missing.length > 0) throw new ConfigError([...bad, ...missing])
  return values as Record<Name, string>
}

/** Decorates the instance with the settings. Rejects with a ConfigError that lists every invalid setting. */
export default fp(
  async function chatConfig(fastify: FastifyInstance, options: ChatConfigOptions) {
    if (options.settings !== undefined && (typeof options.settings !== 'object' || options.settings === null)) {
      throw new TypeError('The option `settings` of the plugin chat-config must be an object of settings.')
    }
    const { settings, warnings } = options.resolved ?? resolve(options)
    for (const warning of warnings) fastify.log.warn(warning)
    fastify.decorate('chatConfig', settings)
  },
  { name: 'chat-config', fastify: '5.x' }
)

const resolve = ({ settings, without = [] }: ChatConfigOptions): Resolved =>
  settings
    ? resolveSettings({ values: settings, mode: 'production', names: 'options', without })
    : readEnvironment({ mode: 'production', without })
