/**
 * Reads settings from the environment and from `.env`. The environment takes precedence. A variable `NAME_FILE` contains the
 * path of a file that contains the value of `NAME`. No other file reads the settings of the service from `process.env`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { type BadSetting, ConfigError } from './errors.ts'
import { type Resolved, type ResolveOptions, resolveSettings } from './resolve.ts'
import { environmentName, settingNames } from './settings.ts'

export interface EnvironmentOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The directory that contains `.env`. The paths in `NAME_FILE` variables are relative to this directory. */
  readonly cwd: string
  /** The names to read, in camelCase. The default is the names of all settings. */
  readonly names?: readonly string[]
}

/** The values, keyed by camelCase name, and the settings that are set twice or cannot be read. */
export interface Collected {
  readonly values: Record<string, string>
  readonly bad: readonly BadSetting[]
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

/** Reads the environment and `.env`. Returns bad settings instead of throwing, so that all errors are reported together. */
export const collectEnvironment = ({ environment, cwd, names = settingNames }: EnvironmentOptions): Collected => {
  const path = resolve(cwd, '.env')
  const dotenv = existsSync(path) ? parseEnv(readText(path)) : {}
  const bad: BadSetting[] = []
  const values = { ...layer(dotenv, names, cwd, bad), ...layer(environment, names, cwd, bad) }
  return { values, bad }
}

const layer = (
  source: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
  cwd: string,
  bad: BadSetting[]
): Record<string, string> => {
  const values: Record<string, string> = {}
  for (const name of names) {
    const direct = source[environmentName(name)]
    const file = source[`${environmentName(name)}_FILE`]
    if (direct && file)
      bad.push({ name, message: `is set twice, also as ${environmentName(name)}_FILE. Remove one of the two` })
    else if (direct) values[name] = direct
    else if (file) values[name] = readValue(name, resolve(cwd, file), bad)
  }
  return values
}

const readValue = (name: string, path: string, bad: BadSetting[]): string => {
  try {
    return readText(path).trimEnd()
  } catch {
    bad.push({
      name,
      message: `cannot be read from the file that ${environmentName(name)}_FILE names. Check the path and the permissions`
    })
    return ''
  }
}

/**
 * Reads a text file in UTF-8, or in UTF-16 with a byte order mark, as PowerShell 5 writes it. Removes the byte order mark and
 * converts CRLF line endings, which some editors write.
 */
const readText = (path: string): string => {
  const bytes = readFileSync(path)
  return new TextDecoder(encodingOf(bytes)).decode(bytes).replaceAll('\r\n', '\n')
}

const encodingOf = ([first, second]: Uint8Array): string => {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
}
