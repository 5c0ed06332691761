/**
 * Composes all settings from the files in `settings/`. Each setting is declared there once: its type, default, owner,
 * description and advice. Validation, plugin options, environment variables, docs/settings.md and .env.example are derived from
 * these declarations.
 */
import { type Static, Type } from '@sinclair/typebox'
import { administrationSettings, auditSettings, reportSettings } from './settings/audit.ts'
import { authRouteSettings, authSettings, cryptoSettings } from './settings/auth.ts'
import { chatSettings, peopleSettings } from './settings/chat.ts'
import { databaseParts, databaseSettings } from './settings/database.ts'
import type { SettingDetails, SettingOwner } from './settings/define.ts'
import { appSettings, platformSettings, serverSettings } from './settings/http.ts'
import { issuerSettings } from './settings/issuers.ts'
import { mailSettings } from './settings/mail.ts'
import { metricsSettings } from './settings/metrics.ts'
import { opsSettings } from './settings/ops.ts'
import { passwordSettings } from './settings/passwords.ts'
import { privacySettings } from './settings/privacy.ts'
import { redisSettings } from './settings/redis.ts'
import { registrationSettings } from './settings/registration.ts'
import { sessionSettings } from './settings/sessions.ts'
import { twoFactorSettings } from './settings/two-factor.ts'

/** The schema of all settings before they are resolved. */
export const SettingsInput = Type.Object(
  {
    ...databaseParts,
    ...databaseSettings,
    ...redisSettings,
    ...authSettings,
    ...passwordSettings,
    ...sessionSettings,
    ...registrationSettings,
    ...issuerSettings,
    ...cryptoSettings,
    ...administrationSettings,
    ...auditSettings,
    ...reportSettings,
    ...serverSettings,
    ...platformSettings,
    ...appSettings,
    ...authRouteSettings,
    ...mailSettings,
    ...twoFactorSettings,
    ...chatSettings,
    ...peopleSettings,
    ...privacySettings,
    ...opsSettings,
    ...metricsSettings
  },
  { additionalProperties: false }
)
export type SettingsInput = Static<typeof SettingsInput>

/**
 * The resolved settings: complete, validated and frozen. If the separate settings of the database are set instead of
 * `databaseUrl`, the resolved `databaseUrl` combines them. The resolved `databaseUrl` is empty only if a host application
 * passes its own client.
 */
export type Settings = Readonly<
  Omit<SettingsInput, keyof typeof databaseParts | 'databaseUrl' | 'audience'> & {
    databaseUrl: string
    audience: string
  }
>

/** The name of a setting as an option, in camelCase. */
export type SettingName = keyof SettingsInput

/** The names of all settings as options, in the order of docs/settings.md. */
export const settingNames = Object.keys(SettingsInput.properties) as SettingName[]

/** Returns the name of a setting as an environment variable, for example `DATABASE_URL` for `databaseUrl`. */
export const environmentName = (name: string): string => name.replace(/[A-Z]/g, '_$&').toUpperCase()

/** The schema of a setting, with the properties that the project adds to JSON Schema. */
export interface SettingSchema extends SettingDetails {
  readonly owner: SettingOwner
  readonly type?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}

export const settingOf = (name: SettingName): SettingSchema =>
  SettingsInput.properties[name] as unknown as SettingSchema
