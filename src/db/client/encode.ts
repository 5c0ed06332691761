/**
 * Encodes and decodes values for PostgreSQL in the text format. The client's own type conversion is not used, because a host
 * application's client may encode types in its own way, or may not support arrays.
 */

/** Escapes a text for use in double quotes. Most texts contain nothing to escape, and `includes` is cheaper than `replaceAll`. */
const escaped = (text: string): string =>
  text.includes('"') || text.includes('\\') ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"') : text

const encodeItem = (item: unknown): string => {
  if (item === null) return 'null'
  return typeof item === 'number' ? String(item) : `"${escaped(String(item))}"`
}

/** Converts an array to a PostgreSQL array literal. Returns any other value unchanged. */
export const encodeParameter = (value: unknown): unknown =>
  Array.isArray(value) ? `{${value.map(encodeItem).join(',')}}` : value

// The OIDs of the types that are read as numbers. `bigint` (20) is one of them, because every number in the schema is below 2^53.
const NUMBERS = [20, 21, 23, 26, 700, 701]
// The OIDs of text, JSON and time types.
const TEXTS = [19, 25, 114, 1042, 1043, 1082, 1114, 1184, 3802]

/** Maps the OID of a type to a function that parses the text form of a value. */
export const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: text => text === 't',
  ...Object.fromEntries(NUMBERS.map(type => [type, Number])),
  ...Object.fromEntries(TEXTS.map(type => [type, String]))
}

/**
 * Decodes a value according to the OID of its type. Returns numbers, booleans and null as such, and any other value as text.
 */
export const decodeValue = (type: number, bytes: Uint8Array | null): unknown => {
  if (bytes === null) return null
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  return PARSERS[type]?.(text) ?? text
}

const asIs = (value: unknown): unknown => value

/**
 * The type conversions that replace those of postgres.js in the service's own clients: `bigint` is parsed as a number, and
 * times stay text.
 */
export const TYPES = {
  number8: { to: 20, from: [20], serialize: String, parse: Number },
  moment: { to: 1184, from: [1082, 1114, 1184], serialize: asIs, parse: asIs }
}

/**
 * Returns a function that finds the original name of a column from `name`, the result of the client's `rename`. The original
 * name is one of the words in the statement `text`. So the function applies `rename` to every word, and returns the word for
 * which the result is `name`.
 */
export const createRenaming = (rename: (name: string) => string) => {
  const byText = new Map<string, Map<string, string>>()
  return (text: string, name: string): string => {
    let names = byText.get(text)
    if (!names) {
      names = new Map([...new Set(text.match(/\w+/g))].map(word => [rename(word), word]))
      byText.set(text, names)
    }
    return names.get(name) ?? name
  }
}
