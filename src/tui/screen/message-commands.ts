/** Parses and runs the commands that reply to messages, edit, delete and pin them, and react to them. */
import { type Message, type Room, reactionKeyOf } from '../../../client/src/index.ts'

export interface MessageCommand {
  readonly kind: 'reply' | 'edit' | 'delete' | 'react' | 'pin' | 'unpin'
  /** The `seq` of the message, if the command has a number. */
  readonly seq: number | undefined
  /** A text, or the key of a reaction. */
  readonly text: string
}

const COMMAND = /^\/(reply|edit|delete|react|pin|unpin)(?:\s+([\s\S]*))?$/

/**
 * Parses a command. Its text may have several lines. A number before the text, with `#` or sometimes without it (see `unmarked`),
 * selects a message.
 */
export const parseMessageCommand = (text: string): MessageCommand | undefined => {
  const [, kind, argument = ''] = COMMAND.exec(text) ?? []
  if (kind === undefined) return undefined
  const [named = '', number] = /^#(\d{1,15})(?:\s+|$)/.exec(argument) ?? unmarked(kind, argument) ?? []
  return {
    kind: kind as MessageCommand['kind'],
    seq: number === undefined ? undefined : Number(number),
    text: argument.slice(named.length).trimEnd()
  }
}

/**
 * Matches a leading number without `#` that selects a message. `/edit` treats such a number as part of the text. `/react` treats
 * it as the key of the reaction if nothing follows it.
 */
const unmarked = (kind: string, argument: string): RegExpExecArray | null =>
  kind === 'edit' ? null : (kind === 'react' ? /^(\d{1,15})\s+/ : /^(\d{1,15})(?:\s+|$)/).exec(argument)

/** Runs a command. Returns a sentence for the user if the command is incomplete or there is no suitable message. */
export const runMessageCommand = (
  { kind, seq, text }: MessageCommand,
  room: Room,
  userId: number | undefined
): string | undefined => {
  if (kind === 'pin' || kind === 'unpin') {
    if (seq === undefined || text !== '') return USAGE[kind]
    room.pin(seq, kind === 'pin' ? {} : { remove: true })
    return undefined
  }
  const isOwn = ({ user_id }: Message): boolean => user_id === userId
  const isChange = kind === 'edit' || kind === 'delete'
  const newest = room.state.messages.findLast(one => one.content !== null && isOwn(one) === isChange)
  const target = seq ?? newest?.seq
  if (kind !== 'delete' && text === '') return USAGE[kind]
  // Refuses `/delete TEXT` without a number, because it may be a mistake, and a deletion can't be undone.
  if (kind === 'delete' && seq === undefined && text !== '') return `Nothing was deleted. ${USAGE[kind]}`
  if (target === undefined) return `There is no message. ${USAGE[kind]}`
  if (kind === 'reply') room.send(text, { replyTo: target })
  if (kind === 'edit') room.edit(target, text)
  if (kind === 'delete') room.delete(target, text === '' ? {} : { reason: text })
  if (kind !== 'react') return undefined
  const { mine = [] } = room.state.messages.find(one => one.seq === target) ?? {}
  room.react(target, text, mine.includes(reactionKeyOf(text)) ? { remove: true } : {})
}

const USAGE = {
  reply: 'Type /reply TEXT, or /reply #NUMBER TEXT. /numbers shows the numbers.',
  edit: 'Type /edit TEXT, or /edit #NUMBER TEXT. /numbers shows the numbers.',
  delete: 'Type /delete, or /delete #NUMBER, or /delete #NUMBER REASON. /numbers shows the numbers.',
  react: 'Type /react EMOJI, or /react #NUMBER EMOJI. /numbers shows the numbers.',
  pin: 'Type /pin #NUMBER. /numbers shows the numbers.',
  unpin: 'Type /unpin #NUMBER. /pins lists the pinned messages.'
}
