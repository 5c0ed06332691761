/**
 * Renders the content of a message as text, mentions and the links that `piecesOf` finds, never as HTML. Collapses a long text.
 */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type Piece, piecesOf } from './links.ts'
import { splitAtMentions } from './mentions.ts'
import { previewOf } from './preview.ts'

interface MessageTextProps {
  readonly content: string
  /** The names of the mentioned users. */
  readonly mentioned: readonly string[]
}

/** Renders the content of a message. When the user collapses the text, scrolls the button below the text into view. */
export const MessageText = ({ content, mentioned }: MessageTextProps) => {
  const [isExpanded, setExpanded] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const preview = useMemo(() => previewOf(content), [content])
  const isLong = preview.length < content.length
  const pieces = useMemo(() => piecesOf(isExpanded ? content : preview), [content, isExpanded])
  const wasExpanded = useRef(false)
  useLayoutEffect(() => {
    if (wasExpanded.current && !isExpanded) button.current?.scrollIntoView({ block: 'nearest' })
    wasExpanded.current = isExpanded
  }, [isExpanded])
  return (
    <>
      {pieces.map(piece => (piece.href === undefined ? withMentions(piece.text, mentioned) : <Link {...piece} />))}
      {isLong && !isExpanded && '…'}
      {isLong && (
        <button
          ref={button}
          type="button"
          class="fold"
          aria-expanded={isExpanded}
          onClick={() => setExpanded(!isExpanded)}
        >
          {isExpanded ? 'Show less' : 'Show more'}
        </button>
      )}
    </>
  )
}

const withMentions = (text: string, names: readonly string[]) =>
  splitAtMentions(text, names).map(({ text, isMention }) => (isMention ? <b class="mention">{text}</b> : text))

/**
 * Renders a link from left to right, which is the direction of URLs. Adds the host of the link if the text does not show
 * exactly this host.
 */
const Link = ({ text, href, host }: Piece) => (
  <a href={href} dir="ltr" target="_blank" rel="noopener noreferrer nofollow">
    {text}
    {host !== undefined && <span class="target">{` leads to ${host}`}</span>}
  </a>
)
