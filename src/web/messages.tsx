/** A group of one person's messages, and each line of it. Text is only ever text: links are made of pieces, never of HTML. */
import type { Room } from '../client/index.ts'
import type { Group, Line } from './arranging.ts'
import { Avatar } from './avatar.tsx'
import { Clock } from './icons.tsx'
import { piecesOf } from './links.ts'
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
          <span>Not sent. {outgoing.error?.detail}</span>
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

const Text = ({ content }: { readonly content: string }) => (
  <>
    {piecesOf(content).map(({ text, href }) =>
      href === undefined ? (
        text
      ) : (
        <a href={href} target="_blank" rel="noopener noreferrer nofollow">
          {text}
        </a>
      )
    )}
  </>
)
