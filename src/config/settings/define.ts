/** Declares settings. A declaration is a TypeBox schema with more properties, for documents, error messages and plugins. */
import { type TSchema, Type } from '@sinclair/typebox'

/** The plugin that uses a setting. `server`, `app` and `routes` own the settings that are not used by a plugin. */
export type SettingOwner =
  | 'app'
  | 'auth'
  | 'chat'
  | 'config'
  | 'crypto'
  | 'db'
  | 'mail'
  | 'metrics'
  | 'ops'
  | 'platform'
  | 'privacy'
  | 'routes'
  | 'server'

/** In `dev`, the origin `*` is allowed. If no database is set, `dev` uses an embedded database. */
export type Mode = 'dev' | 'production'

/** The properties of a setting in addition to its type and default. */
export interface SettingDetails {
  /** One or two sentences for docs/settings.md and .env.example. */
  readonly description: string
  /** The unit of a number, such as `seconds`. */
  readonly unit?: string
  /** Advice for correcting an invalid value. Appended to the error message. */
  readonly advice?: string
  /** A description of the default, for a default that is not a constant. */
  readonly derived?: string
  /** A value that .env.example sets. */
  readonly example?: string
  /** Describes the rule of `pattern`. The text follows the name of the setting in an error message. */
  readonly 'x-rule'?: string
  /** Checks a value that matches the schema. Returns error messages, which follow the name of the setting. */
  check?(value: unknown, mode: Mode): string[]
}

/** Adds the owner to each setting of a record. */
export const ownedBy = <const T extends Readonly<Record<string, TSchema>>>(owner: SettingOwner, settings: T): T => {
  for (const schema of Object.values(settings)) schema.owner = owner
  return settings
}

type TextDetails = SettingDetails & {
  readonly default?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
}
type NumberDetails = SettingDetails & { readonly minimum?: number; readonly maximum: number }

export const text = (details: TextDetails) =>
  Type.String({ ...(details.pattern === undefined ? { minLength: 1 } : {}), ...details })

export const integer = (value: number, details: NumberDetails) =>
  Type.Integer({ minimum: 0, default: value, ...details })

/** Declares a limit: an integer setting from 0 to 1,000,000. 0 means no limit, unless the description says otherwise. */
export const limit = (value: number, details: SettingDetails) => integer(value, { maximum: 1_000_000, ...details })

export const flag = (value: boolean, details: SettingDetails) => Type.Boolean({ default: value, ...details })

export const list = (items: TSchema, details: SettingDetails) =>
  Type.Unsafe<readonly string[]>(Type.Array(items, { default: [], ...details }))

export const oneOf = <const T extends string>(values: readonly T[], details: SettingDetails & { default?: T }) =>
  Type.Unsafe<T>({ type: 'string', enum: values, ...details })

export const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)

/** Runs a check on each item of a list. Returns the error messages, each with the number of the item. */
export const checkItems = (value: unknown, check: (item: string) => string | undefined): string[] =>
  (Array.isArray(value) ? value : []).flatMap((item, at) => {
    const message = check(String(item))
    return message === undefined ? [] : [`(item ${at + 1}) ${message}`]
  })
