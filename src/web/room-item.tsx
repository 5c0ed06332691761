/** Renders a room in the list of rooms: a link with the unread counts, and a button for the menu of the room. */
import { useRef, useState } from 'preact/hooks'
import { isTouch } from './hooks.ts'
import { More } from './icons.tsx'
import { part } from './part.ts'
import { isUnread, type RoomEntry } from './room-entry.ts'
import { linkTo } from './room-link.ts'
import { RoomMark } from './room-mark.tsx'
import type { Rooms } from './rooms.ts'

const RoomMenu = part(parts => parts.RoomMenu)

interface RoomItemProps {
  readonly rooms: Rooms
  readonly entry: RoomEntry
  readonly isCurrent: boolean
  readonly onChoose: () => void
}

export const RoomItem = ({ rooms, entry, isCurrent, onChoose }: RoomItemProps) => {
  const { name, title, visibility, mentions, role } = entry
  const item = useRef<HTMLLIElement>(null)
  const [isHovered, setHovered] = useState(false)
  const [hasFocus, setFocus] = useState(false)
  const [anchor, setAnchor] = useState<HTMLElement>()
  // The menu marks the room as read or unread. The service stores such a mark only for members, and only if it has an inbox.
  const hasMenu = rooms.hasInbox && role !== undefined
  return (
    <li
      ref={item}
      onPointerEnter={event => setHovered(event.pointerType === 'mouse')}
      onPointerLeave={() => setHovered(false)}
      onFocusIn={() => setFocus(true)}
      onFocusOut={event => setFocus(item.current?.contains(event.relatedTarget as Node | null) ?? false)}
    >
      <a
        href={linkTo(name)}
        class={isUnread(entry) ? 'unread' : ''}
        aria-current={isCurrent ? 'page' : undefined}
        onClick={onChoose}
      >
        <span class="hash" aria-hidden="true">
          <RoomMark visibility={visibility} />
        </span>
        <span class="title" dir="auto">
          {title}
        </span>
        {visibility === 'private' && <span class="hidden"> (private)</span>}
        {mentions > 0 && (
          <span class="badge at">
            @{countOf(mentions)}
            <span class="hidden">{mentions === 1 ? ' mention' : ' mentions'}</span>
          </span>
        )}
        <Unread {...entry} />
      </a>
      {hasMenu && (isHovered || hasFocus || anchor || (isCurrent && isTouch())) && (
        <button
          type="button"
          class="icon-button item-menu"
          aria-label={`Actions for ${title}`}
          aria-haspopup="menu"
          aria-expanded={anchor !== undefined}
          onClick={event => setAnchor(event.currentTarget)}
        >
          <More />
        </button>
      )}
      {anchor && (
        <RoomMenu
          {...{ rooms, entry, anchor }}
          onClose={() => setAnchor(undefined)}
          onDone={() => {
            item.current?.querySelector('a')?.focus()
            setAnchor(undefined)
          }}
        />
      )}
    </li>
  )
}

const countOf = (count: number): string => (count > 99 ? '99+' : String(count))

const Unread = ({ unread, isMarked }: RoomEntry) => {
  if (unread > 0) {
    return (
      <span class="badge">
        {countOf(unread)}
        <span class="hidden"> unread</span>
      </span>
    )
  }
  if (!isMarked) return null
  return (
    <span class="badge dot">
      <span class="hidden">marked as unread</span>
    </span>
  )
}
