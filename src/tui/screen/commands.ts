/** What a line that begins with a slash means. */

export const HELP: readonly string[] = [
  '/help              this list',
  '/quit, /exit, /q   leave (Ctrl-C too)',
  '/room NAME         go to another room',
  '/rooms             list the rooms',
  '/who               who is here',
  '/retry, /discard   messages that were refused',
  '/more              show long messages whole, or fold them again',
  '//text             send a line that begins with a slash',
  'PageUp, PageDown, arrows: scroll; End: newest. Ctrl-J: a new line.'
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

/** The name of a room has at most 64 characters. The expression below is too slow for long texts. */
const LONGEST = 200

/** Paths, and texts of several lines, are no commands. */
export const readInput = (text: string): Input => {
  if (text.startsWith('//')) return { kind: 'text', text: text.slice(1) }
  const command = text.length > LONGEST ? '' : text
  const [, name, argument = ''] = /^\/([a-z]+)(?: +(\S*))? *$/.exec(command) ?? []
  if (name === undefined) return { kind: 'text', text }
  if (name === 'room' && argument !== '') return { kind: 'room', room: argument.replace(/^#/, '') }
  if (Object.hasOwn(NAMES, name)) return { kind: NAMES[name as keyof typeof NAMES] }
  return { kind: 'unknown', name }
}
