/** Parses lines that begin with a slash as commands. */
import { type MessageCommand, parseMessageCommand } from './message-commands.ts'

export const HELP: readonly string[] = [
  '/help              show this list',
  '/quit, /exit, /q   quit (or press Ctrl-C)',
  '/room NAME         go to another room',
  '/rooms             list the rooms',
  '/who               list who is online in this room',
  '/reply TEXT        reply to the newest message of another user',
  '/react EMOJI       react to that message, or remove your reaction',
  '/edit TEXT         replace the text of your newest message',
  '/delete            delete your newest message',
  '/numbers           show the numbers of messages, or hide them;',
  '                   /reply #12 TEXT replies to the message 12, and so on',
  '/retry, /discard   send failed messages and changes again, or discard them',
  '/more              expand long messages, or collapse them',
  '//text             send the message /text',
  'PageUp, PageDown, arrows: scroll. End: newest messages. Ctrl-J: new line.'
]

export type Input =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unknown'; readonly name: string }
  | { readonly kind: 'room'; readonly room: string }
  | MessageCommand
  | { readonly kind: 'help' | 'quit' | 'rooms' | 'who' | 'retry' | 'discard' | 'more' | 'numbers' }

const NAMES = {
  help: 'help',
  quit: 'quit',
  exit: 'quit',
  q: 'quit',
  rooms: 'rooms',
  who: 'who',
  retry: 'retry',
  discard: 'discard',
  more: 'more',
  numbers: 'numbers'
} as const

/**
 * Maximum length of a command in characters. Room names have at most 64. The regular expression below is too slow for long
 * texts.
 */
const MAX_COMMAND_LENGTH = 200

/**
 * Returns the command in a line, or the text to send. Paths are not commands. Only commands with a text may have several
 * lines.
 */
export const parseInput = (text: string): Input => {
  if (text.startsWith('//')) return { kind: 'text', text: text.slice(1) }
  const aboutMessage = parseMessageCommand(text)
  if (aboutMessage) return aboutMessage
  const command = text.length > MAX_COMMAND_LENGTH ? '' : text
  const [, name, argument = ''] = /^\/([a-z]+)(?: +(\S*))? *$/.exec(command) ?? []
  if (name === undefined) return { kind: 'text', text }
  if (name === 'room' && argument !== '') return { kind: 'room', room: argument.replace(/^#/, '') }
  if (Object.hasOwn(NAMES, name)) return { kind: NAMES[name as keyof typeof NAMES] }
  return { kind: 'unknown', name }
}
