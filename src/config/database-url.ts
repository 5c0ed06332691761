/** Determines the URL of the database, from `databaseUrl` or from the separate settings for its parts. */
import { isIP } from 'node:net'
import { isDatabaseUrl, isSocket } from '../lib/database-url.ts'
import type { BadSetting } from './errors.ts'
import { DEV_DATABASE_URL } from './settings/database.ts'
import type { Mode } from './settings/define.ts'
import type { SettingsInput } from './settings.ts'

/** The URL of the database, with warnings. If the URL cannot be determined, `bad` contains the settings to correct. */
export interface Database {
  readonly url: string
  readonly bad: readonly BadSetting[]
  readonly warnings: readonly string[]
}

const PARTS = ['databaseHost', 'databaseName', 'databaseUser', 'databasePassword'] as const

/**
 * Returns the database that the settings select. If the settings select no database and `isNeeded` is false, the URL is empty.
 */
export const databaseOf = (input: Partial<SettingsInput>, mode: Mode, isNeeded: boolean): Database => {
  const given = PARTS.filter(name => input[name] !== undefined)
  const { databaseUrl } = input
  if (databaseUrl !== undefined) {
    const warnings =
      given.length > 0
        ? ['DATABASE_URL is set, so the separate settings such as DATABASE_HOST are ignored. Remove them.']
        : []
    return { url: databaseUrl, bad: [], warnings }
  }
  if (given.length > 0) return fromParts(input)
  if (!isNeeded) return { url: '', bad: [], warnings: [] }
  if (mode === 'dev') return { url: DEV_DATABASE_URL, bad: [], warnings: [] }
  const message = 'is missing. Set it, or DATABASE_HOST, DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD'
  return { url: '', bad: [{ name: 'databaseUrl', message }], warnings: [] }
}

const fromParts = (input: Partial<SettingsInput>): Database => {
  // Over a Unix socket the server may authenticate the user by the owner of the process (`peer`), without a password.
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

const urlOf = (input: Partial<SettingsInput>): string => {
  const { databaseHost = '', databasePort, databaseName, databaseUser, databasePassword } = input
  const part = (value: unknown) => encodeURIComponent(String(value))
  const host = isSocket(databaseHost) ? part(databaseHost) : databaseHost
  const password = databasePassword === undefined ? '' : `:${part(databasePassword)}`
  const address = isIP(host) === 6 ? `[${host}]` : host
  return `postgres://${part(databaseUser)}${password}@${address}:${databasePort}/${part(databaseName)}`
}
