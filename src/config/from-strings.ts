/** Converts settings from the strings of the environment to their types. */
import { type SettingName, SettingsInput, settingNames, settingOf } from './settings.ts'

const FLAGS: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false }
/**
 * Maps strings to the boolean values of a setting that accepts a boolean or a list. `1` and `0` are not included, because each
 * could be an item of the list.
 */
const SWITCHES: Readonly<Record<string, boolean>> = { true: true, false: false, off: false }

/** Returns typed values. A string that cannot be converted is returned unchanged, and validation then rejects it. */
export const fromStrings = (values: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const known = settingNames.filter(name => typeof values[name] === 'string' && values[name].trim() !== '')
  return Object.fromEntries(known.map(name => [name, fromString(name, String(values[name]).trim())]))
}

const fromString = (name: SettingName, value: string): unknown => {
  if ('anyOf' in SettingsInput.properties[name]) return SWITCHES[value.toLowerCase()] ?? split(value)
  const { type } = settingOf(name)
  if (type === 'array') return split(value)
  if (type === 'boolean') return FLAGS[value.toLowerCase()] ?? value
  return type === 'integer' && /^-?\d+$/.test(value) ? Number(value) : value
}

const split = (value: string): string[] =>
  value
    .split(',')
    .map(item => item.trim())
    .filter(Boolean)
