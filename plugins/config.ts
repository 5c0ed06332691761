/** Validates and freezes the settings. Decorates the Fastify instance with `chatConfig`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { readEnvironment } from '../src/config/environment.ts'
import { type Resolved, type ResolveOptions, resolveSettings } from '../src/config/resolve.ts'
import type { Settings, SettingsInput } from '../src/config/settings.ts'

export { environmentValues, type ReadOptions, readEnvironment, readForCommand } from '../src/config/environment.ts'

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
