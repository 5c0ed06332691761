/** Converts the keys of reactions, which the service returns without U+FE0F, to the emojis that the page shows. */

const EMOJI_STYLE = '\ufe0f'
/** Matches a character that is shown as text, because neither U+FE0F nor a skin tone follows. */
const TEXT_BY_DEFAULT = /(?![\p{Emoji_Presentation}\p{ASCII}])\p{Emoji}(?!\p{Emoji_Modifier}|\ufe0f)/gu
/** Matches the digit or sign of a keycap emoji, such as 1️⃣. */
const KEYCAP = /[0-9#*](?=\u20e3)/g
const NAME = /^[a-z0-9_+-]+$/

/** The reactions that the menu of a message offers first, with their names. */
export const QUICK_REACTIONS: readonly (readonly [emoji: string, name: string])[] = [
  ['👍', 'thumbs up'],
  ['❤️', 'heart'],
  ['😂', 'tears of joy'],
  ['🎉', 'party'],
  ['😮', 'surprised'],
  ['😢', 'crying']
]

/** Returns the text to show for a key: the emoji, or a name such as `:ship_it:`. */
export const shownKey = (key: string): string =>
  NAME.test(key) ? `:${key}:` : key.replace(KEYCAP, `$&${EMOJI_STYLE}`).replace(TEXT_BY_DEFAULT, `$&${EMOJI_STYLE}`)
