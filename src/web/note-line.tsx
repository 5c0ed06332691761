/** Renders a note between the messages. */
import { type NoteContext, partsOf } from './note-parts.ts'
import { clockTime, fullTime } from './times.ts'

interface NoteLineProps extends NoteContext {
  /** Called to show a message. */
  readonly onJump: (seq: number) => void
}

export const NoteLine = ({ onJump, ...context }: NoteLineProps) => {
  const { at, change } = context.note
  return (
    <p class="note-line" title={fullTime(at)}>
      <NoteText {...context} />{' '}
      {change.type === 'pin' && change.action === 'added' && (
        <button type="button" onClick={() => onJump(change.target)}>
          Show
        </button>
      )}{' '}
      <time dateTime={new Date(at).toISOString()}>{clockTime(at)}</time>
    </p>
  )
}

export const NoteText = (context: NoteContext) => (
  <>
    {partsOf(context).map((part, at) =>
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a sentence have no other key.
      typeof part === 'string' ? part : <bdi key={at}>{part.given}</bdi>
    )}
  </>
)
