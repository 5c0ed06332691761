/**
 * All settings, composed from `settings/`, where each is declared once: type, default, owner, description and advice.
 * Everything else (validation, plugin options, the environment, docs/settings.md and .env.example) is derived from here.
 */
import { type Static, Type } from '@sinclair/typebox'
import { authRouteSettings, authSettings, cryptoSettings } from './settings/auth.ts'
import { chatSettings } from './settings/chat.ts'
import { databaseParts, databaseSettings } from './settings/database.ts'
import type { SettingDetails, SettingOwner } from './settings/define.ts'
import { appSettings, platformSettings, serverSettings } from './settings/http.ts'
import { opsSettings } from './settings/ops.ts'

/** Every setting before it is resolved, with its schema. */
export const SettingsInput = Type.Object(
  {
    ...databaseParts,
    ...databaseSettings,
    ...authSettings,
    ...cryptoSettings,
    ...serverSettings,
    ...platformSettings,
    ...appSettings,
    ...authRouteSettings,
    ...chatSettings,
    ...opsSettings
  },
  { additionalProperties: false }
)
export type SettingsInput = Static<typeof SettingsInput>

/**
 * The settings as the service uses them: complete, validated and frozen. The separate parts of the database are its URL,
 * which is empty when a host application passes its own client.
 */
export type Settings = Readonly<
  Omit<SettingsInput, keyof typeof databaseParts | 'databaseUrl' | 'audience'> & {
    databaseUrl: string
    audience: string
  }
>

/** A setting's name as an option. */
export type SettingName = keyof SettingsInput

/** Every setting's name as an option, in the order of the documents. */
export const settingNames = Object.keys(SettingsInput.properties) as SettingName[]

/** `databaseUrl` -> `DATABASE_URL`. */
export const environmentName = (name: string): string => name.replace(/[A-Z]/g, '_$&').toUpperCase()

/** Describes the declaration of a setting. */
export interface SettingSchema extends SettingDetails {
  readonly owner: SettingOwner
  readonly type?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}

/** Returns the declaration of a setting. */
export const settingOf = (name: SettingName): SettingSchema =>
  SettingsInput.properties[name] as unknown as SettingSchema
