/** @jsxImportSource react */
/** Renders the chat screen: title, messages, status line and composer. */
import { Box, Text, useApp, useCursor } from 'ink'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { safeLine } from '../safe-text.ts'
import { cellsOf, cut } from './cells.ts'
import { composerLines } from './composer-lines.ts'
import type { Conversation, View } from './conversation.ts'
import { type Draft, EMPTY, textOf } from './editor.ts'
import { applyKey, type Live, useKeys, useLive, useSize } from './hooks.ts'
import type { Key } from './keys.ts'
import { refusalText } from './refusals.ts'
import { type Row, rowsOf, type Span } from './rows.ts'
import { type ScrollPosition, scrollBy, visibleRows } from './scroll.ts'
import { Line } from './styled.tsx'

const PROMPT = '> '
const MAX_LINES = 6

export interface ChatProps {
  readonly conversation: Conversation
  readonly draft: Live<Draft>
  readonly host: string
}

export const Chat = ({ conversation, draft, host }: ChatProps) => {
  const view = useSyncExternalStore(conversation.subscribe, () => conversation.view)
  const { columns, rows: height } = useSize()
  const { setCursorPosition } = useCursor()
  const rows = useMemo(() => rowsOf(view, columns), [view, columns])
  const { lines, row, column } = composerLines(draft.current, columns - 3, Math.min(MAX_LINES, Math.max(1, height - 5)))
  // In addition to the composer, three rows show no messages: the title, the status and the last row of the window. The last
  // row stays empty, because Ink redraws the whole screen when its output fills the window.
  const free = Math.max(1, height - 3 - lines.length)
  const position = useScrolling({ conversation, draft, rows, free, name: view.name })
  const visible = visibleRows(rows, free, position)
  useReadMark(conversation, view, position === undefined ? undefined : lastSeqOf(visible))
  setCursorPosition({ x: PROMPT.length + column, y: free + 2 + row })

  return (
    <Box flexDirection="column">
      <Text inverse wrap="truncate-end">
        {titleOf(view, host, columns)}
      </Text>
      <Box flexDirection="column" height={free} justifyContent="flex-end">
        {visible.map(({ key, spans }) => (
          <Line key={key} spans={spans} />
        ))}
      </Box>
      <Line spans={[statusOf(view, position !== undefined, columns)]} />
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other key.
        <Line key={index} spans={[{ text: (index === 0 ? PROMPT : '  ') + line }]} />
      ))}
    </Box>
  )
}

/** Returns the `seq` of the last message in the rows, or 0 if the rows contain no message. */
const lastSeqOf = (rows: readonly Row[]): number =>
  Number(/^m(\d+)/.exec(rows.findLast(({ key }) => key.startsWith('m'))?.key ?? '')?.[1] ?? 0)

/**
 * Marks the messages up to `upTo` as read. If `upTo` is undefined, marks all entries of the room as read. Does nothing if `upTo`
 * is 0, if no message is loaded, or if the room is not live.
 */
const useReadMark = (conversation: Conversation, { room }: View, upTo: number | undefined): void => {
  useEffect(() => {
    if (room.status === 'live' && room.messages.length > 0 && upTo !== 0) conversation.seen(upTo)
  }, [conversation, room, upTo])
}

interface Scrolling extends Omit<ChatProps, 'host'> {
  readonly rows: readonly Row[]
  readonly free: number
  readonly name: string
}

/** Handles the keys. Keys that edit text change the draft. Other keys scroll, submit or quit. Returns the scroll position. */
const useScrolling = ({ conversation, draft, rows, free, name }: Scrolling) => {
  const { exit } = useApp()
  const at = useLive<{ readonly name: string; readonly position: ScrollPosition }>({ name, position: undefined })
  const positionOf = (): ScrollPosition => (at.current.name === name ? at.current.position : undefined)

  const scroll = (by: number): void => {
    const next = scrollBy(rows, free, positionOf(), by)
    at.set({ name, position: next.position })
    if (by < 0 && next.isAtTop) conversation.loadOlder()
  }
  const submit = (): void => {
    const text = textOf(draft.current)
    if (text.trim() === '') return
    draft.set(EMPTY)
    at.set({ name, position: undefined })
    if (conversation.submit(text)) exit()
  }
  const actions: Partial<Record<Extract<Key, { type: 'key' }>['name'], () => void>> = {
    quit: exit,
    endOfInput: () => textOf(draft.current) === '' && exit(),
    enter: submit,
    pageUp: () => scroll(1 - free),
    pageDown: () => scroll(free - 1),
    up: () => scroll(-1),
    down: () => scroll(1),
    end: () => at.set({ name, position: undefined })
  }
  useKeys(key => {
    if (key.type === 'key' && (key.name === 'enter' || key.name === 'quit')) return actions[key.name]?.()
    if (applyKey(draft, key)) return conversation.typing()
    if (key.type === 'key') actions[key.name]?.()
  })
  return positionOf()
}

const titleOf = ({ label, username, room }: View, host: string, columns: number): string => {
  const left = safeLine(` ${label}  ${username}@${host}`)
  const right = room.presence ? `${room.presence.count} here ` : ''
  const kept = cut(left, Math.max(1, columns - right.length - 1))
  return kept + ' '.repeat(Math.max(1, columns - cellsOf(kept) - right.length)) + right
}

const statusOf = (view: View, isScrolled: boolean, columns: number): Span => {
  const { text, ...style } = status(view, isScrolled)
  return { ...style, text: cut(safeLine(text), columns) }
}

const status = ({ connection, room, unread }: View, isScrolled: boolean): Span => {
  if (connection.status === 'offline') return { text: `disconnected: ${connection.detail}`, colour: 'red' }
  if (connection.status === 'waiting') return { text: `reconnecting… ${connection.detail}`, colour: 'yellow' }
  if (connection.status === 'connecting') {
    const isFirst = room.status === 'joining' && room.messages.length === 0
    return { text: isFirst ? 'connecting…' : 'reconnecting…', colour: 'yellow' }
  }
  if (room.status === 'refused')
    return {
      text: room.error ? refusalText(room.error) : 'You may not read this room. Go to another room with /room NAME.',
      colour: 'red'
    }
  if (room.status === 'left')
    return {
      text: `${room.error ? refusalText(room.error) : ''} Go to another room with /room NAME.`.trim(),
      colour: 'red'
    }
  if (room.isLoadingOlder) return { text: 'loading older messages…', isDim: true }
  if (isScrolled) return { text: 'Press End to go to the newest messages', isDim: true }
  const names = room.typing.map(({ username }) => username).join(', ')
  const typing = names && `${names} ${room.typing.length > 1 ? 'are' : 'is'} typing…`
  return { text: [typing, unread].filter(Boolean).join('  '), isDim: true }
}
