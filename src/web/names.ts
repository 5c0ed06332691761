/** Names: a room's made of its title, a person's initials and the number of their colour. */

const LONGEST_TITLE = 200

/** A room's name made of a title: `Käse & Brot` is `kase-brot`; empty when nothing of it can be used. */
export const roomNameOf = (title: string): string =>
  title
    // Normalizing many combining marks takes quadratic time.
    .slice(0, LONGEST_TITLE)
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._:]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 64)
    .replace(/-+$/, '')

/** One or two letters: of two words if there are two, else the first two. */
export const initialsOf = (username: string): string => {
  const [first = '', second] = username.split(/[^\p{L}\p{N}]+/u).filter(Boolean)
  const letters = second === undefined ? [...first].slice(0, 2) : [...first].slice(0, 1).concat([...second].slice(0, 1))
  return letters.join('').toUpperCase()
}

/** Colours that the style sheet has. */
const HUES = 10

/** Ten people who registered one after another have ten colours, and neighbours' are far apart. */
export const hueOf = (userId: number): number => (userId * 3) % HUES
