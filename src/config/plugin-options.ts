/** Reads the options of one plugin: validates those that are settings, and fills in their defaults. */
import { type Static, type TObject, type TOptional, type TProperties, type TSchema, Type } from '@sinclair/typebox'
import { type BrokenRule, brokenRules, compile } from '../protocol/validation.ts'

/** Settings as options of a plugin, described in docs/settings.md. Those in `Required` must be given. */
export type SettingOptions<T extends TProperties, Required extends keyof T = never> = {
  readonly [Name in keyof Static<TObject<T>>]?: Static<TObject<T>>[Name] | undefined
} & { readonly [Name in Required]: Static<T[Name]> }

/** The same with defaults. Those in `Excused` may be missing. */
export type SettingValues<T extends TProperties, Excused extends keyof T = never> = Static<
  TObject<Omit<T, Excused> & { [Name in Excused]: TOptional<T[Name]> }>
>

/** Describes what a plugin accepts. */
export interface PluginOptions<T extends TProperties, Excused extends keyof T> {
  readonly settings: T
  /** Lists settings that some uses of the plugin don't require. */
  readonly excused?: readonly Excused[]
  /** Lists options that must be functions. */
  readonly functions?: readonly string[]
}

/**
 * Returns a function that reads a plugin's options and returns its settings with defaults. It throws a TypeError that lists every
 * bad option; never a value.
 */
export const createOptionsReader = <T extends TProperties, Excused extends keyof T = never>(
  plugin: string,
  { settings, excused = [], functions = [] }: PluginOptions<T, Excused>
) => {
  const isExcused = (name: string): boolean => excused.some(one => one === name)
  const properties = Object.entries(settings).map(([name, schema]): [string, TSchema] => [
    name,
    isExcused(name) ? Type.Optional(schema) : schema
  ])
  const validate = compile(Type.Object(Object.fromEntries(properties)))

  return (options: object): SettingValues<T, Excused> => {
    // Ajv fills in defaults.
    const values = copyOf(options, settings)
    const bad = validate(values) ? [] : brokenRules(validate.errors ?? []).map(broken => inWords(broken, settings))
    for (const name of functions) {
      const value = (options as Record<string, unknown>)[name]
      if (value !== undefined && typeof value !== 'function') bad.push(`\`${name}\` must be a function`)
    }
    if (bad.length > 0) throw new TypeError(`The options of the plugin ${plugin} are not valid: ${bad.join('; ')}.`)
    return values as SettingValues<T, Excused>
  }
}

const copyOf = (options: object, settings: TProperties): object =>
  Object.fromEntries(
    Object.entries(options)
      .filter(([name, value]) => name in settings && value !== undefined && value !== '')
      .map(([name, value]) => [name, Array.isArray(value) ? [...value] : value])
  )

const inWords = ({ path, rule }: BrokenRule, settings: TProperties): string => {
  const [name = '', index] = path.slice(1).split('/')
  const advice: string | undefined = settings[name]?.advice
  return `\`${name}\` ${index === undefined ? '' : `(item ${Number(index) + 1}) `}${rule}${advice ? `. ${advice.replace(/\.$/, '')}` : ''}`
}
