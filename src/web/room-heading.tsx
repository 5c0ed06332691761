/** Renders the heading of a room: the symbol of its visibility, its title and its topic. */
import type { RoomEntry } from './room-entry.ts'
import { RoomMark } from './room-mark.tsx'

interface RoomHeadingProps {
  readonly title: string
  readonly entry: RoomEntry | undefined
}

export const RoomHeading = ({ title, entry }: RoomHeadingProps) => (
  <div class="heading">
    <h1>
      <span class="hash" aria-hidden="true">
        <RoomMark visibility={entry?.visibility} />
      </span>
      <span class="title" dir="auto">
        {title}
      </span>
      {entry?.visibility === 'private' && <span class="hidden"> (private)</span>}
    </h1>
    {entry?.topic && (
      <p class="topic" dir="auto" title={entry.topic}>
        {entry.topic}
      </p>
    )}
  </div>
)
