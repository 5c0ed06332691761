/** What the environment and `.env` say, by setting: the environment first, and of each a `NAME_FILE` in the value's place. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { environmentName, type SettingName, settingNames } from '../schemas/settings.ts'
import { type BadSetting, ConfigError } from './resolve.ts'

/** Where to read. */
export interface EnvironmentOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The folder of `.env`, to which file names are relative. */
  readonly cwd: string
}

/** The values by camelCase name. Throws a ConfigError when a `NAME_FILE` can't be read. */
export const collectEnvironment = ({ environment, cwd }: EnvironmentOptions): Record<string, string> => {
  const path = resolve(cwd, '.env')
  const dotenv = existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}
  const bad: BadSetting[] = []
  const values = { ...layer(dotenv, cwd, bad), ...layer(environment, cwd, bad) }
  if (bad.length > 0) throw new ConfigError(bad)
  return values
}

const layer = (
  source: Readonly<Record<string, string | undefined>>,
  cwd: string,
  bad: BadSetting[]
): Record<string, string> => {
  const values: Record<string, string> = {}
  for (const name of settingNames) {
    const direct = source[environmentName(name)]
    const file = source[`${environmentName(name)}_FILE`]
    if (direct && file) bad.push({ name, message: `is given twice: also as ${environmentName(name)}_FILE` })
    else if (direct) values[name] = direct
    else if (file) values[name] = readValue(name, resolve(cwd, file), bad)
  }
  return values
}

const readValue = (name: SettingName, path: string, bad: BadSetting[]): string => {
  try {
    return readFileSync(path, 'utf8').trimEnd()
  } catch {
    bad.push({ name, message: `can not be read from the file that ${environmentName(name)}_FILE names` })
    return ''
  }
}
