/** What the environment and `.env` say, by setting: the environment first, and of each a `NAME_FILE` in the value's place. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type { BadSetting } from './errors.ts'
import { environmentName, type SettingName, settingNames } from './settings.ts'

/** Where to read. */
export interface EnvironmentOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The folder of `.env`, to which file names are relative. */
  readonly cwd: string
}

/** What was read: values by camelCase name, and what could not be read. */
export interface Collected {
  readonly values: Record<string, string>
  readonly bad: readonly BadSetting[]
}

/** Reads both. Never throws for a bad setting: it is told with all that is wrong. */
export const collectEnvironment = ({ environment, cwd }: EnvironmentOptions): Collected => {
  const path = resolve(cwd, '.env')
  const dotenv = existsSync(path) ? parseEnv(readText(path)) : {}
  const bad: BadSetting[] = []
  const values = { ...layer(dotenv, cwd, bad), ...layer(environment, cwd, bad) }
  return { values, bad }
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
    return readText(path).trimEnd()
  } catch {
    bad.push({ name, message: `can not be read from the file that ${environmentName(name)}_FILE names` })
    return ''
  }
}

/** Reads a text file as editors on any system write it: a byte order mark and CRLF line ends are not part of the text. */
const readText = (path: string): string =>
  readFileSync(path, 'utf8')
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n')
