/** Defines the key of a reaction: one emoji, or a short name such as `+1`. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'

const NAME = /^[a-z0-9_+-]{1,32}$/
// Matches one emoji that is recommended for general interchange (Unicode Technical Standard 51), in its fully qualified form.
const EMOJI = /^\p{RGI_Emoji}$/v
// Matches a character that is shown as text unless U+FE0F follows it. Does not match if a skin tone follows, because then the
// character is shown as an emoji.
const TEXT_BY_DEFAULT = /(?!\p{Emoji_Presentation})\p{Emoji}(?!\p{Emoji_Modifier})/gu
const EMOJI_STYLE = '\uFE0F'

/** Maximum length of a key in UTF-16 code units. The longest emoji has 15. */
const MAX_KEY = 64

/** Describes the key of a reaction as clients send it. */
export const ReactionKey = Type.String({
  minLength: 1,
  maxLength: MAX_KEY,
  description: 'One emoji, or a name of 1-32 characters of a-z, 0-9, "_", "+" and "-". Returned without U+FE0F.',
  examples: ['👍']
})

/** Describes the number of reactions with one key. */
export const ReactionCount = Type.Object({ key: Type.String(), count: Int64({ minimum: 1 }) })

/** Describes the reactions with one key to a message, in the order in which they were added. */
export const ReactionList = Type.Object(
  {
    reactions: Type.Array(
      Type.Object({
        seq: Int64({ minimum: 1, description: 'The `seq` of the entry that added the reaction.' }),
        key: Type.String(),
        user_id: Int64({ minimum: 1 }),
        username: Type.String()
      })
    ),
    has_more: Type.Boolean()
  },
  {
    $id: 'ChatReactionList',
    examples: [{ reactions: [{ seq: 43, key: '👍', user_id: 2, username: 'jane' }], has_more: false }]
  }
)
export type ReactionList = Static<typeof ReactionList>

/**
 * Returns the key in the form that is stored and compared: in NFC, and without U+FE0F, because some keyboards omit this
 * character. Returns `undefined` if the text is neither an emoji nor a name.
 */
export const reactionKey = (text: string): string | undefined => {
  const key = text.normalize('NFC').replaceAll(EMOJI_STYLE, '')
  if (NAME.test(key)) return key
  return EMOJI.test(key) || EMOJI.test(key.replace(TEXT_BY_DEFAULT, `$&${EMOJI_STYLE}`)) ? key : undefined
}
