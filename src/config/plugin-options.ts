/** Reads the options of a plugin: validates the options that are settings, and applies defaults. */
import { type Static, type TObject, type TOptional, type TProperties, type TSchema, Type } from '@sinclair/typebox'
import { type BrokenRule, brokenRules, compile } from '../protocol/validation.ts'

/** The settings that a plugin accepts as options; docs/settings.md describes them. Settings in `Required` must be given. */
export type SettingOptions<T extends TProperties, Required extends keyof T = never> = {
  readonly [Name in keyof Static<TObject<T>>]?: Static<TObject<T>>[Name] | undefined
} & { readonly [Name in Required]: Static<T[Name]> }

/** The settings of a plugin after defaults are applied. Settings in `Excused` may still be missing. */
export type SettingValues<T extends TProperties, Excused extends keyof T = never> = Static<
  TObject<Omit<T, Excused> & { [Name in Excused]: TOptional<T[Name]> }>
>

export interface PluginOptions<T extends TProperties, Excused extends keyof T> {
  readonly settings: T
  /** Settings that have no default but may be missing, because the plugin does not always need them. */
  readonly excused?: readonly Excused[]
  /** The names of options that must be functions, if they are given. */
  readonly functions?: readonly string[]
}

/**
 * Returns a function that reads the options of a plugin and returns its settings with defaults. The function throws a TypeError
 * that lists every bad option but contains no value.
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
    // Validates a copy, because Ajv adds the defaults to the object that it validates.
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
