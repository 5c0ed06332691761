/**
 * Values on their way to and from PostgreSQL, in the text format. A host application's client may read and write types in
 * ways of its own, or know no array types; what passes here depends on none of that.
 */

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')

/** Returns an array as PostgreSQL's literal, anything else as it is. */
export const encodeParameter = (value: unknown): unknown =>
  Array.isArray(value)
    ? `{${value.map(item => (item === null ? 'null' : `"${escaped(String(item))}"`)).join(',')}}`
    : value

/** Numbers are below 2^53 everywhere in the schema, so `bigint` is read as one too. */
const NUMBERS = [20, 21, 23, 26, 700, 701]
/** Text, JSON and times. */
const TEXTS = [19, 25, 114, 1042, 1043, 1082, 1114, 1184, 3802]

/** How values are read from text, by their type's oid. */
export const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: text => text === 't',
  ...Object.fromEntries(NUMBERS.map(type => [type, Number])),
  ...Object.fromEntries(TEXTS.map(type => [type, String]))
}

/** Reads a value by its type's oid; text for every type that is neither a number nor a boolean. */
export const decodeValue = (type: number, bytes: Uint8Array | null): unknown => {
  if (bytes === null) return null
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  return PARSERS[type]?.(text) ?? text
}

const asIs = (value: unknown): unknown => value

/** The same for a client of our own, as types of postgres.js. */
export const TYPES = {
  number8: { to: 20, from: [20], serialize: String, parse: Number },
  moment: { to: 1184, from: [1082, 1114, 1184], serialize: asIs, parse: asIs }
}

/** Column names as the server sent them, though a client has renamed them: every name that a statement could return is in it. */
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
