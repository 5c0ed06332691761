/**
 * Renders a group of one author's messages. The content is rendered only as text, and as links that `piecesOf` finds in it,
 * never as HTML.
 */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Room } from '../../client/src/index.ts'
import { Avatar } from './avatar.tsx'
import { Clock } from './icons.tsx'
import { type Piece, piecesOf } from './links.ts'
import type { Group, Line } from './message-groups.ts'
import { previewOf } from './preview.ts'
import { clockTime, fullTime } from './times.ts'

export const MessageGroup = ({ group, room }: { readonly group: Group; readonly room: Room }) => {
  const { userId, username, isOwn, at, lines } = group
  return (
    <article class={isOwn ? 'group own' : 'group'}>
      {!isOwn && <Avatar id={userId} name={username} />}
      <div class="said">
        <header>
          <span class={isOwn ? 'hidden' : 'who'} dir="auto">
            {isOwn ? 'You' : username}
          </span>{' '}
          <time dateTime={new Date(at).toISOString()}>{clockTime(at)}</time>
        </header>
        {lines.map(line => (
          <MessageLine key={line.key} line={line} room={room} />
        ))}
      </div>
    </article>
  )
}

const MessageLine = ({ line, room }: { readonly line: Line; readonly room: Room }) => {
  const { key, content, at, outgoing } = line
  const status = outgoing?.status ?? 'stored'
  return (
    <div class={`line ${status}`} data-key={key}>
      <p class="bubble" dir="auto" title={fullTime(at)}>
        {content === null ? <em>{placeholderOf(line)}</em> : <Text content={content} />}
        {status === 'pending' && (
          <span class="waiting">
            <Clock />
            <span class="hidden">Not sent yet</span>
          </span>
        )}
      </p>
      {outgoing?.status === 'failed' && (
        <p class="failure">
          <span>
            Not sent. <bdi>{outgoing.error?.detail}</bdi>
          </span>
          <button type="button" onClick={() => room.retry(outgoing.nonce)}>
            Try again
          </button>
          <button type="button" onClick={() => room.discard(outgoing.nonce)}>
            Discard
          </button>
        </p>
      )}
    </div>
  )
}

const placeholderOf = ({ unavailable }: Line): string =>
  unavailable === 'erased' ? 'This message was erased.' : 'This message cannot be shown.'

/** Collapses a long text. Scrolls the button into view when the text is collapsed again. */
const Text = ({ content }: { readonly content: string }) => {
  const [isExpanded, setExpanded] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const preview = useMemo(() => previewOf(content), [content])
  const isLong = preview.length < content.length
  const pieces = useMemo(() => piecesOf(isExpanded ? content : preview), [content, isExpanded])
  useLayoutEffect(() => {
    if (!isExpanded) button.current?.scrollIntoView({ block: 'nearest' })
  }, [isExpanded])
  return (
    <>
      {pieces.map(piece => (piece.href === undefined ? piece.text : <Link {...piece} />))}
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
