/** A group of one person's messages, and each line of it. Text is only ever text: links are made of pieces, never of HTML. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Room } from '../client/index.ts'
import type { Group, Line } from './arranging.ts'
import { Avatar } from './avatar.tsx'
import { beginningOf } from './folding.ts'
import { Clock } from './icons.tsx'
import { type Piece, piecesOf } from './links.ts'
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
        {content === null ? <em>{wordsFor(line)}</em> : <Text content={content} />}
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

const wordsFor = ({ unavailable }: Line): string =>
  unavailable === 'erased' ? 'This message was erased.' : 'This message can no longer be opened.'

/** A long text is folded; the button stays in view when it is folded again. */
const Text = ({ content }: { readonly content: string }) => {
  const [isOpen, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const beginning = useMemo(() => beginningOf(content), [content])
  const isFolded = beginning.length < content.length
  const pieces = useMemo(() => piecesOf(isOpen ? content : beginning), [content, isOpen])
  useLayoutEffect(() => {
    if (!isOpen) button.current?.scrollIntoView({ block: 'nearest' })
  }, [isOpen])
  return (
    <>
      {pieces.map(piece => (piece.href === undefined ? piece.text : <Link {...piece} />))}
      {isFolded && !isOpen && '…'}
      {isFolded && (
        <button ref={button} type="button" class="fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Show less' : 'Show more'}
        </button>
      )}
    </>
  )
}

/** From left to right always, as addresses are read; and with the real host where the text shows another one. */
const Link = ({ text, href, host }: Piece) => (
  <a href={href} dir="ltr" target="_blank" rel="noopener noreferrer nofollow">
    {text}
    {host !== undefined && <span class="target">{` leads to ${host}`}</span>}
  </a>
)
