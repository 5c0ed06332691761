/** A colour for each name: the same one in every session and on every machine. */

/** Of the terminal's own palette, so that a theme stays one; without those that vanish on black or on white. */
const PALETTE = [
  'red',
  'green',
  'yellow',
  'blue',
  'magenta',
  'cyan',
  'redBright',
  'greenBright',
  'blueBright',
  'magentaBright',
  'cyanBright'
] as const

/** FNV-1a over the name in lower case: a name is one whatever its case. */
export const colourOf = (name: string): (typeof PALETTE)[number] => {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name.toLowerCase())) hash = Math.imul(hash ^ byte, 0x01000193)
  return PALETTE[(hash >>> 0) % PALETTE.length] ?? 'cyan'
}
