/** @jsxImportSource react */
/** The chat screen: a title, the messages, a line of status, and what is being written. */
import { Box, Text, useApp, useCursor } from 'ink'
import { useMemo, useSyncExternalStore } from 'react'
import { safeLine } from '../safe-text.ts'
import { cellsOf, cut } from './cells.ts'
import { composerLines } from './composer-lines.ts'
import type { Conversation, View } from './conversation.ts'
import { type Draft, EMPTY, textOf } from './editor.ts'
import { type Live, press, useKeys, useLive, useSize } from './hooks.ts'
import type { Key } from './keys.ts'
import { type Row, rowsOf, type Span } from './rows.ts'
import { type Place, scrolled, visibleRows } from './scroll.ts'
import { Line } from './styled.tsx'

const PROMPT = '> '
const MOST_LINES = 6

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
  // Ink redraws everything when its output is as high as the window: one row stays free.
  const { lines, row, column } = composerLines(
    draft.current,
    columns - 3,
    Math.min(MOST_LINES, Math.max(1, height - 5))
  )
  const free = Math.max(1, height - 3 - lines.length)
  const place = useScrolling({ conversation, draft, rows, free, name: view.name })
  const seen = visibleRows(rows, free, place)
  setCursorPosition({ x: PROMPT.length + column, y: free + 2 + row })

  return (
    <Box flexDirection="column">
      <Text inverse wrap="truncate-end">
        {titleOf(view, host, columns)}
      </Text>
      <Box flexDirection="column" height={free} justifyContent="flex-end">
        {seen.map(({ key, spans }) => (
          <Line key={key} spans={spans} />
        ))}
      </Box>
      <Line spans={[statusOf(view, place !== undefined, columns)]} />
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name.
        <Line key={index} spans={[{ text: (index === 0 ? PROMPT : '  ') + line }]} />
      ))}
    </Box>
  )
}

interface Scrolling extends Omit<ChatProps, 'host'> {
  readonly rows: readonly Row[]
  readonly free: number
  readonly name: string
}

/** The keys of the screen: those that scroll, Enter, and all others for the draft. */
const useScrolling = ({ conversation, draft, rows, free, name }: Scrolling) => {
  const { exit } = useApp()
  const at = useLive<{ readonly name: string; readonly place: Place }>({ name, place: undefined })
  const placeOf = (): Place => (at.current.name === name ? at.current.place : undefined)

  const scroll = (by: number): void => {
    const next = scrolled(rows, free, placeOf(), by)
    at.set({ name, place: next.place })
    if (by < 0 && next.isAtTop) conversation.older()
  }
  const submit = (): void => {
    const text = textOf(draft.current)
    if (text.trim() === '') return
    draft.set(EMPTY)
    at.set({ name, place: undefined })
    if (conversation.enter(text)) exit()
  }
  const actions: Partial<Record<Extract<Key, { type: 'key' }>['name'], () => void>> = {
    quit: exit,
    endOfInput: () => textOf(draft.current) === '' && exit(),
    enter: submit,
    pageUp: () => scroll(1 - free),
    pageDown: () => scroll(free - 1),
    up: () => scroll(-1),
    down: () => scroll(1),
    end: () => at.set({ name, place: undefined })
  }
  useKeys(key => {
    if (key.type === 'key' && (key.name === 'enter' || key.name === 'quit')) return actions[key.name]?.()
    if (press(draft, key)) return conversation.typing()
    if (key.type === 'key') actions[key.name]?.()
  })
  return placeOf()
}

const titleOf = ({ name, username, room }: View, host: string, columns: number): string => {
  const left = safeLine(` #${name}  ${username}@${host}`)
  const right = room.presence ? `${room.presence.count} here ` : ''
  const kept = cut(left, Math.max(1, columns - right.length - 1))
  return kept + ' '.repeat(Math.max(1, columns - cellsOf(kept) - right.length)) + right
}

const statusOf = (view: View, isScrolled: boolean, columns: number): Span => {
  const { text, ...style } = status(view, isScrolled)
  return { ...style, text: cut(safeLine(text), columns) }
}

const status = ({ connection, room }: View, isScrolled: boolean): Span => {
  if (connection.status === 'offline') return { text: `disconnected: ${connection.detail}`, colour: 'red' }
  if (connection.status === 'waiting') return { text: `reconnecting… ${connection.detail}`, colour: 'yellow' }
  if (connection.status === 'connecting') {
    const isFirst = room.status === 'joining' && room.messages.length === 0
    return { text: isFirst ? 'connecting…' : 'reconnecting…', colour: 'yellow' }
  }
  if (room.status === 'refused') return { text: room.error?.detail ?? 'This room may not be read.', colour: 'red' }
  if (room.isLoadingOlder) return { text: 'loading older messages…', isDim: true }
  if (isScrolled) return { text: '↓ End: the newest messages', isDim: true }
  const names = room.typing.map(({ username }) => username).join(', ')
  return { text: names && `${names} ${room.typing.length > 1 ? 'are' : 'is'} typing…`, isDim: true }
}
