/** Lays out a room as rows of the screen: messages, notices, dates and unsent messages, wrapped to a width. */
import type { Message, Outgoing, OutgoingChange } from '../../../client/src/index.ts'
import { safeLine, safeText } from '../safe-text.ts'
import { cellsOf, cut, wrap } from './cells.ts'
import { colourOf } from './colours.ts'
import type { Notice, View } from './conversation.ts'
import { refusalText } from './refusals.ts'
import { dayOf, exactTimeOf, timeOf } from './times.ts'

/** A part of a row in one style. */
export interface Span {
  readonly text: string
  readonly colour?: ReturnType<typeof colourOf>
  readonly isDim?: boolean
  readonly isBold?: boolean
}

export interface Row {
  /** Identifies the row. Stays the same when older rows are loaded above it. */
  readonly key: string
  readonly spans: readonly Span[]
}

/** Minimum window width, in columns, at which the continuation lines of a message are aligned with its first word. */
const WIDE = 60

/** Maximum number of rows of a message. A message with more rows is collapsed, so that one message can't fill the window. */
const MAX_ROWS = 40
const COLLAPSED_ROWS = 30

/** Returns all rows of the room, from the oldest loaded message on. */
export const rowsOf = (view: View, width: number): Row[] => {
  const { room, notices, username, isUnfolded } = view
  const rows: Row[] = []
  let day = ''
  let at = 0
  // Does not call `push(...more)`, because a long message may have more rows than a call may have arguments.
  const add = (more: readonly Row[]): void => {
    for (const row of more) rows.push(row)
  }
  const noticesUpTo = (seq: number): void => {
    for (let next = notices[at]; next && (next.after ?? 0) <= seq; next = notices[++at]) add(noticeRows(next, width))
  }
  if (!room.hasOlder && room.oldest > 1) rows.push(lineRow('expired', 'Older messages have expired', width))
  const firstSeq = room.messages[0]?.seq ?? 0
  noticesUpTo(firstSeq - 1)
  for (const message of room.messages) {
    const today = dayOf(message.created_at)
    if (today !== day) rows.push(dayRow(today, width))
    day = today
    const whole = cached(message, width, view)
    add(isUnfolded ? whole : folded(whole, width))
    noticesUpTo(message.seq)
  }
  noticesUpTo(Number.POSITIVE_INFINITY)
  for (const message of room.outgoing) add(outgoingRows(message, username, width))
  for (const change of room.changes) if (change.status === 'failed') add(failedChangeRows(change, width))
  return rows
}

/**
 * Caches the last created rows of each message, with their width and options. Messages are frozen, so a changed message is a
 * different key.
 */
const cache = new WeakMap<
  Message,
  { readonly width: number; readonly hasNumbers: boolean; readonly blocked: View['blocked']; readonly rows: Row[] }
>()
const cached = (message: Message, width: number, { hasNumbers, blocked }: View): Row[] => {
  const hit = cache.get(message)
  if (hit?.width === width && hit.hasNumbers === hasNumbers && hit.blocked === blocked) return hit.rows
  const rows = messageRows(withoutBlocked(message, blocked), width, hasNumbers)
  cache.set(message, { width, hasNumbers, blocked, rows })
  return rows
}

const BLOCKED = '(You have blocked this user.)'

/** Hides the texts of users whom the reader has blocked. */
const withoutBlocked = (message: Message, blocked: View['blocked']): Message => {
  const { user_id, content, reply } = message
  const isQuoteHidden = reply?.excerpt !== undefined && reply.user_id !== undefined && blocked.has(reply.user_id)
  return {
    ...message,
    ...(blocked.has(user_id) && content !== null ? { content: BLOCKED } : {}),
    ...(isQuoteHidden ? { reply: { ...reply, excerpt: BLOCKED } } : {})
  }
}

const folded = (rows: Row[], width: number): Row[] => {
  if (rows.length <= MAX_ROWS) return rows
  const summary = `  … ${rows.length - COLLAPSED_ROWS} more rows. Type /more to show them`
  return [
    ...rows.slice(0, COLLAPSED_ROWS),
    { key: rows[COLLAPSED_ROWS]?.key ?? '', spans: [{ text: cut(summary, width), isDim: true }] }
  ]
}

const dayRow = (day: string, width: number): Row => lineRow(`d${day}`, day, width)

const lineRow = (key: string, text: string, width: number): Row => {
  const side = '─'.repeat(Math.max(1, Math.min(10, Math.floor((width - text.length - 2) / 2))))
  return { key, spans: [{ text: cut(`${side} ${text} ${side}`, width), isDim: true }] }
}

const noticeRows = ({ key, text }: Notice, width: number): Row[] =>
  wrap(safeText(text), width - 2).map((line, index) => ({
    key: `${key}:${index}`,
    spans: [{ text: `${index === 0 ? '* ' : '  '}${line}`, isDim: true }]
  }))

const UNAVAILABLE = { key: '(cannot be shown)', erased: '(deleted)', expired: '(no longer available)' }

const messageRows = (message: Message, width: number, hasNumber: boolean): Row[] => {
  const { seq, created_at, username, content, unavailable, edited_at, pending } = message
  const time = `${hasNumber ? `#${seq} ` : ''}${timeOf(created_at)}`
  const head = { key: `m${seq}`, time, username, width, isDim: content === null || pending === true }
  const edited = edited_at !== undefined && content !== null ? ' (edited)' : ''
  const marks = `${edited}${message.pinned ? ' (pinned)' : ''}${pending ? ' …' : ''}`
  const text = content ?? UNAVAILABLE[unavailable ?? 'key']
  return [...replyRows(message, width), ...textRows(head, text + marks), ...reactionRows(message, width)]
}

/** Returns the row with the quote of a reply. Returns no row for a message that is not a reply. */
const replyRows = ({ seq, reply, reply_to: target }: Message, width: number): Row[] => {
  if (target === undefined) return []
  const { username, excerpt, unavailable = 'key' } = reply ?? {}
  const text = excerpt ?? UNAVAILABLE[unavailable]
  const quoted = reply ? `${username === undefined ? '' : `${username}: `}${text}` : `#${target}`
  return [{ key: `m${seq}:q`, spans: [{ text: cut(`  ┌ ${safeLine(quoted)}`, width), isDim: true }] }]
}

/** Lists the reactions to a message. The user's own reactions are in brackets. */
const reactionRows = ({ seq, reactions = [], mine = [] }: Message, width: number): Row[] => {
  if (reactions.length === 0) return []
  const shown = reactions.map(({ key, count }) => {
    const text = `${emojiOf(safeLine(key))} ${count}`
    return mine.includes(key) ? `[${text}]` : text
  })
  return wrap(shown.join('  '), width - 2).map((line, index) => ({
    key: `m${seq}:r${index}`,
    spans: [{ text: `  ${line}`, isDim: true }]
  }))
}

/**
 * Returns the emoji of a reaction key. The service removes U+FE0F from keys, so it is added to characters that would otherwise
 * be shown as text.
 */
const emojiOf = (key: string): string =>
  /^(?!\p{Emoji_Presentation})\p{Extended_Pictographic}$/u.test(key) ? `${key}\uFE0F` : key

/** Returns why a message or a change failed. */
const whyOf = ({ error }: Outgoing): string => safeLine(error ? refusalText(error) : 'refused.')

const ACTIONS = { edit: 'edited', delete: 'deleted', react: 'reacted to', pin: 'pinned' }

const failedChangeRows = (change: OutgoingChange, width: number): Row[] => {
  const { nonce, type, target } = change
  const why = `#${target} was not ${ACTIONS[type]}: ${whyOf(change)} /retry or /discard`
  return wrap(`✗ ${why}`, width - 2).map((line, index) => ({
    key: `c${nonce}:${index}`,
    spans: [{ text: `  ${line}`, colour: 'red' }]
  }))
}

const outgoingRows = (outgoing: Outgoing, username: string, width: number): Row[] => {
  const { nonce, content, createdAt, status, waitsUntil } = outgoing
  const key = `o${nonce}`
  const mark = { pending: '  …  ', sent: timeOf(createdAt), failed: '  ✗  ' }[status]
  const rows = textRows({ key, time: mark, username, width, isDim: status === 'pending' }, content)
  if (status === 'failed')
    return [...rows, ...remarkRows(key, `not sent: ${whyOf(outgoing)} /retry or /discard`, width, 'red')]
  if (waitsUntil === undefined) return rows
  const why = `The room is in slow mode. This message is sent at ${exactTimeOf(waitsUntil)}. /discard discards it`
  return [...rows, ...remarkRows(key, why, width, 'yellow')]
}

/** Returns the rows of a remark below an outgoing message. */
const remarkRows = (key: string, remark: string, width: number, colour: 'red' | 'yellow'): Row[] =>
  wrap(remark, width - 2).map((line, index) => ({ key: `${key}!${index}`, spans: [{ text: `  ${line}`, colour }] }))

interface Head {
  readonly key: string
  readonly time: string
  readonly username: string
  readonly width: number
  readonly isDim?: boolean
}

const textRows = ({ key, time, username, width, isDim = false }: Head, content: string): Row[] => {
  const name = cut(safeLine(username), width - time.length - 2)
  const taken = cellsOf(`${time} ${name} `)
  const indent = width >= WIDE && taken <= width / 3 ? taken : 2
  // If the name leaves fewer than 8 columns in its row, the text starts in the next row.
  const first = width - taken
  const text = first < 8 ? `\n${safeText(content)}` : safeText(content)
  return wrap(text, width - indent, Math.max(first, 1)).map((line, index) => ({
    key: `${key}:${index}`,
    spans:
      index === 0
        ? [
            { text: `${time} `, isDim: true },
            { text: name, colour: colourOf(username), isBold: true },
            { text: ` ${line}`, isDim }
          ]
        : [{ text: ' '.repeat(indent) + line, isDim }]
  }))
}
