/**
 * Renders the sidebar: the rooms with their unread counts, a button to create a room, and the user. On a narrow screen, the
 * sidebar is a drawer.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Avatar } from './avatar.tsx'
import { Cross, Leave, Logo, Plus, Shield } from './icons.tsx'
import { NewRoom } from './new-room.tsx'
import type { RoomEntry, Rooms } from './rooms.ts'

interface SidebarProps {
  readonly identity: { readonly user_id: number | undefined; readonly username: string }
  readonly rooms: Rooms
  readonly list: readonly RoomEntry[]
  readonly current: string
  /** Whether the drawer is open. */
  readonly isOpen: boolean
  readonly isAdmin: boolean
  readonly onClose: () => void
  readonly onAccount: () => void
  readonly onAdmin: () => void
  readonly onLogOut: () => void
}

export const Sidebar = (props: SidebarProps) => {
  const { identity, rooms, list, current, isOpen, isAdmin, onClose, onAccount, onAdmin, onLogOut } = props
  const [isCreating, setCreating] = useState(false)
  const close = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (isOpen) close.current?.focus()
  }, [isOpen])

  return (
    <>
      <nav class="sidebar" id="rooms" aria-label="Rooms">
        <header>
          <Logo />
          <h1>Chat</h1>
          <button
            ref={close}
            type="button"
            class="icon-button drawer-only"
            onClick={onClose}
            aria-label="Close the list of rooms"
          >
            <Cross />
          </button>
        </header>
        <div class="section">
          <h2>Rooms</h2>
          <button type="button" class="icon-button" onClick={() => setCreating(true)} aria-label="New room">
            <Plus />
          </button>
        </div>
        <ul class="rooms">
          {list.map(entry => (
            <Item key={entry.name} entry={entry} isCurrent={entry.name === current} onChoose={onClose} />
          ))}
        </ul>
        <footer>
          <button type="button" class="me-button" onClick={onAccount} title="Account">
            <Avatar id={identity.user_id} name={identity.username} />
            <span class="me" dir="auto">
              {identity.username}
            </span>
            <span class="hidden">Account</span>
          </button>
          {isAdmin && (
            <button
              type="button"
              class="icon-button"
              onClick={onAdmin}
              aria-label="Administration"
              title="Administration"
            >
              <Shield />
            </button>
          )}
          <button type="button" class="icon-button" onClick={onLogOut} aria-label="Log out" title="Log out">
            <Leave />
          </button>
        </footer>
      </nav>
      {/* The backdrop is only for pointers. Keyboard users close the drawer with Escape or its button. */}
      <div class="backdrop" onClick={onClose} aria-hidden="true" />
      {isCreating && <NewRoom rooms={rooms} onClose={() => setCreating(false)} />}
    </>
  )
}

interface ItemProps {
  readonly entry: RoomEntry
  readonly isCurrent: boolean
  readonly onChoose: () => void
}

const Item = ({ entry: { name, title, unread }, isCurrent, onChoose }: ItemProps) => (
  <li>
    <a
      href={`#${encodeURIComponent(name)}`}
      class={unread > 0 ? 'unread' : ''}
      aria-current={isCurrent ? 'page' : undefined}
      onClick={onChoose}
    >
      <span class="hash" aria-hidden="true">
        #
      </span>
      <span class="title" dir="auto">
        {title}
      </span>
      {unread > 0 && (
        <span class="badge">
          {unread > 99 ? '99+' : unread}
          <span class="hidden"> unread</span>
        </span>
      )}
    </a>
  </li>
)
