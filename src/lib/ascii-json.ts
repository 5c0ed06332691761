/** Serializes a value as JSON that contains only ASCII characters, so that its length in bytes is its length in characters. */
export const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[^ -~]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
