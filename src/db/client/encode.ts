/**
 * Encodes and decodes values for PostgreSQL in the text format. The client's own type conversion is not used, because a host
 * application's client may encode types in its own way, or may not support arrays.
 */

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')

/** Returns an array as a PostgreSQL literal, and any other value unchanged. */
export const encodeParameter = (value: unknown): unknown =>
  Array.isArray(value)
    ? `{${value.map(item => (item === null ? 'null' : `"${escaped(String(item))}"`)).join(',')}}`
    : value

// Every number in the schema is below 2^53, so `bigint` is read as a number too.
const NUMBERS = [20, 21, 23, 26, 700, 701]
// Text, JSON and times.
const TEXTS = [19, 25, 114, 1042, 1043, 1082, 1114, 1184, 3802]

/** Maps the OID of a type to a function that parses its values from text. */
export const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: text => text === 't',
  ...Object.fromEntries(NUMBERS.map(type => [type, Number])),
  ...Object.fromEntries(TEXTS.map(type => [type, String]))
}

/** Decodes a value by the OID of its type. Every type that is neither a number nor a boolean is returned as text. */
export const decodeValue = (type: number, bytes: Uint8Array | null): unknown => {
  if (bytes === null) return null
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  return PARSERS[type]?.(text) ?? text
}

const asIs = (value: unknown): unknown => value

/** Defines the same conversions as custom types of postgres.js, for the clients that the service creates. */
export const TYPES = {
  number8: { to: 20, from: [20], serialize: String, parse: Number },
  moment: { to: 1184, from: [1082, 1114, 1184], serialize: asIs, parse: asIs }
}

/**
 * Returns a function that restores the original name of a column after the client's `rename` transformed it. Every column name
 * is a word of the statement, so the words are renamed and compared.
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
