/** Assigns a colour to each username. A username has the same colour in every session and on every machine. */

/**
 * The colours of the terminal's palette, so that the terminal's theme applies. Colours that are unreadable on black or white
 * are left out.
 */
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

/**
 * Returns the colour for a username, from the FNV-1a hash of the name in lower case, because usernames are case-insensitive.
 */
export const colourOf = (name: string): (typeof PALETTE)[number] => {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name.toLowerCase())) hash = Math.imul(hash ^ byte, 0x01000193)
  return PALETTE[(hash >>> 0) % PALETTE.length] ?? 'cyan'
}
