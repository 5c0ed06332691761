/** Checks the options of a plugin that a host registers by itself, so that a mistake is a sentence and not a failure inside. */
import { Type } from '@sinclair/typebox'
import { type BrokenRule, brokenRules, compile } from '../protocol/validation.ts'
import { type SettingName, SettingsInput } from './settings.ts'

/** What a plugin takes. */
export interface PluginOptions {
  /** Options that are settings, and validated like them. */
  readonly settings?: readonly SettingName[]
  /** Those of them that must be given. */
  readonly required?: readonly SettingName[]
  readonly functions?: readonly string[]
}

/** Makes the check of a plugin. It throws a TypeError that names every bad option; never a value. */
export const createOptionsCheck = (plugin: string, { settings = [], required = [], functions = [] }: PluginOptions) => {
  const properties = settings.map(name => {
    const schema = SettingsInput.properties[name]
    return [name, required.includes(name) ? schema : Type.Optional(schema)] as const
  })
  const validate = compile(Type.Object(Object.fromEntries(properties), { required: [...required] }))

  return (options: object): void => {
    // Ajv fills defaults in, which are the plugin's own matter.
    const given = copyOf(options, settings)
    const bad = validate(given) ? [] : brokenRules(validate.errors ?? []).map(inWords)
    for (const name of functions) {
      const value = (options as Record<string, unknown>)[name]
      if (value !== undefined && typeof value !== 'function') bad.push(`\`${name}\` must be a function`)
    }
    if (bad.length > 0) throw new TypeError(`The options of the plugin ${plugin} are not valid: ${bad.join('; ')}.`)
  }
}

const copyOf = (options: object, names: readonly string[]): object =>
  Object.fromEntries(
    Object.entries(options)
      .filter(([name, value]) => names.includes(name) && value !== undefined && value !== '')
      .map(([name, value]) => [name, Array.isArray(value) ? [...value] : value])
  )

const inWords = ({ path, rule }: BrokenRule): string => {
  const [name = '', index] = path.slice(1).split('/')
  const { advice } = SettingsInput.properties[name as SettingName] as { advice?: string }
  return `\`${name}\` ${index === undefined ? '' : `(item ${Number(index) + 1}) `}${rule}${advice ? `. ${advice.replace(/\.$/, '')}` : ''}`
}
