/** Parses lines that begin with a slash as commands. */
import { type MessageCommand, parseMessageCommand } from './message-commands.ts'
import { parseRoomCommand, type RoomCommand } from './room-commands.ts'

export const HELP: readonly string[] = [
  '/help              show this list',
  '/quit, /exit, /q   quit (or press Ctrl-C)',
  '/room NAME         go to another room, by its name or title',
  '/rooms             list the rooms with their unread messages',
  '/who               list who is online in this room',
  '/dm NAME           talk to a user, or to several, in private',
  '/private TITLE     create a private room',
  '/members           list the members of this room',
  '/invite NAME       add a user to this room; without a name, create a link',
  '/join CODE         join the room of an invitation, by its code or link',
  '/kick NAME         remove a member from this room',
  '/leave             stop being a member of this room',
  '/hide              hide this direct room until its next message',
  '/reply TEXT        reply to the newest message of another user',
  '/react EMOJI       react to that message, or remove your reaction',
  '/edit TEXT         replace the text of your newest message',
  '/delete            delete your newest message',
  '/pin #12           pin the message 12, /unpin #12 ends it',
  '/pins              list the pinned messages',
  '/report #12 REASON report the message 12 to the moderators',
  '/block NAME        hide the messages of a user; /unblock NAME ends it',
  '/mute NAME 1h REASON, /ban NAME 7d REASON',
  '                   mute or ban a user; /unmute NAME and /unban NAME end it',
  '/restrictions      list the muted and banned users',
  '/reports           list the reported messages; /resolve 3 deletes the',
  '                   message of report 3, /dismiss 3 keeps it',
  '/invitations       list the invitations; /revoke 3 ends invitation 3',
  '/slow SECONDS      set slow mode; /slow 0 turns it off',
  '/archive           archive this room; /unarchive ends it',
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
  | RoomCommand
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
 * Returns the command that the user typed, or the text to send. A path such as `/usr/bin` is not a command. Only some commands
 * may have several lines.
 */
export const parseInput = (text: string): Input => {
  if (text.startsWith('//')) return { kind: 'text', text: text.slice(1) }
  const aboutMessage = parseMessageCommand(text)
  if (aboutMessage) return aboutMessage
  const aboutRoom = parseRoomCommand(text)
  if (aboutRoom) return aboutRoom
  const [name = '', ...words] = text.split(' ').filter(word => word !== '')
  const room = text.startsWith('/room ') && !/[\n\r]/.test(text) ? text.slice(6).trim() : ''
  if (room !== '') return { kind: 'room', room }
  const isCommand = text.startsWith('/') && words.length <= 1 && !/\s/.test(words.join(''))
  const [, command] = isCommand ? (/^\/([a-z]+)$/.exec(name) ?? []) : []
  if (command === undefined) return { kind: 'text', text }
  if (Object.hasOwn(NAMES, command)) return { kind: NAMES[command as keyof typeof NAMES] }
  return { kind: 'unknown', name: command }
}
