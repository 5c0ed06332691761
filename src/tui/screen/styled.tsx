/** @jsxImportSource react */
/** Renders rows of styled text. Each row already fits the width of the window, so Ink does not wrap it. */
import { Text } from 'ink'
import { createContext, useContext } from 'react'
import { safeLine } from '../safe-text.ts'
import type { Row, Span } from './rows.ts'

/** Whether colours are used (`NO_COLOR` is not set). Bold and dim text are used regardless of `NO_COLOR`. */
export const Colour = createContext(true)

/** Renders a part of a row. Replaces control characters, which the text of a row contains only by mistake. */
const Piece = ({ span: { text, colour, isDim = false, isBold = false } }: { span: Span }) => {
  const hasColour = useContext(Colour)
  return (
    <Text dimColor={isDim} bold={isBold} {...(hasColour && colour ? { color: colour } : {})}>
      {safeLine(text)}
    </Text>
  )
}

export const Line = ({ spans }: { spans: Row['spans'] }) => (
  <Text wrap="truncate-end">
    {spans.every(({ text }) => text === '')
      ? ' '
      : // biome-ignore lint/suspicious/noArrayIndexKey: the spans of one row never change places.
        spans.map((span, index) => <Piece key={index} span={span} />)}
  </Text>
)
