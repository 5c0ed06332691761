/** Parses lines that begin with a slash as commands. */

export const HELP: readonly string[] = [
  '/help              show this list',
  '/quit, /exit, /q   quit (or press Ctrl-C)',
  '/room NAME         go to another room',
  '/rooms             list the rooms',
  '/who               list who is online in this room',
  '/retry, /discard   send failed messages again, or discard them',
  '/more              expand long messages, or collapse them',
  '//text             send the message /text',
  'PageUp, PageDown, arrows: scroll. End: newest messages. Ctrl-J: new line.'
]

export type Input =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unknown'; readonly name: string }
  | { readonly kind: 'room'; readonly room: string }
  | { readonly kind: 'help' | 'quit' | 'rooms' | 'who' | 'retry' | 'discard' | 'more' }

const NAMES = {
  help: 'help',
  quit: 'quit',
  exit: 'quit',
  q: 'quit',
  rooms: 'rooms',
  who: 'who',
  retry: 'retry',
  discard: 'discard',
  more: 'more'
} as const

/**
 * Maximum length of a command in characters. Room names have at most 64. The regular expression below is too slow for long
 * texts.
 */
const MAX_COMMAND_LENGTH = 200

/** Returns the command in a line, or the text to send. Paths and texts of several lines are not commands. */
export const parseInput = (text: string): Input => {
  if (text.startsWith('//')) return { kind: 'text', text: text.slice(1) }
  const command = text.length > MAX_COMMAND_LENGTH ? '' : text
  const [, name, argument = ''] = /^\/([a-z]+)(?: +(\S*))? *$/.exec(command) ?? []
  if (name === undefined) return { kind: 'text', text }
  if (name === 'room' && argument !== '') return { kind: 'room', room: argument.replace(/^#/, '') }
  if (Object.hasOwn(NAMES, name)) return { kind: NAMES[name as keyof typeof NAMES] }
  return { kind: 'unknown', name }
}
