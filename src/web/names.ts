/** Derives room names from titles, and initials and colours from users. */

const MAX_TITLE_LENGTH = 200

/**
 * Returns the room name for a title, for example `kase-brot` for `Käse & Brot`. Returns an empty string if no character can be
 * used.
 */
export const roomNameOf = (title: string): string =>
  title
    // Shortens the title first, because normalizing many combining marks takes quadratic time.
    .slice(0, MAX_TITLE_LENGTH)
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._:]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 64)
    .replace(/-$/, '')

/**
 * Returns at most two characters: the first characters of the first two words, or the first two characters of a single word.
 */
export const initialsOf = (username: string): string => {
  const [first = '', second] = username.split(/[^\p{L}\p{N}]+/u).filter(Boolean)
  const letters = second === undefined ? [...first].slice(0, 2) : [...first].slice(0, 1).concat([...second].slice(0, 1))
  return letters.join('').toUpperCase()
}

/**
 * Returns the hue of a user's colour in degrees. Ten consecutive ids have ten different colours, and adjacent ids have clearly
 * different colours.
 */
export const hueOf = (userId: number): number => 15 + ((userId * 3) % 10) * 36
