/** Generates the names of private and direct rooms. The names are random, so that nobody can guess the name of a room. */
import { randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
/** The number of characters, of 5 bits each, that hold 128 bits. */
const LENGTH = 26

/** Returns a random name: `p.` for a private room or `d.` for a direct room, and 26 characters of base32. */
export const drawName = (prefix: 'p' | 'd'): string =>
  `${prefix}.${[...randomBytes(LENGTH)].map(byte => ALPHABET[byte % ALPHABET.length]).join('')}`
