/**
 * Renders the sidebar: the rooms and the direct messages with their unread counts, buttons to create them, and the user. On a
 * narrow screen, the sidebar is a drawer.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ChatApi } from '../../client/src/index.ts'
import { Avatar } from './avatar.tsx'
import { Cross, Leave, Logo, Plus, Shield } from './icons.tsx'
import { part } from './part.ts'
import type { RoomEntry } from './room-entry.ts'
import { RoomItem } from './room-item.tsx'
import type { Rooms } from './rooms.ts'

const NewRoom = part(parts => parts.NewRoom)
const NewDirect = part(parts => parts.NewDirect)

interface SidebarProps {
  readonly api: ChatApi
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
  const { api, identity, rooms, list, current, isOpen, isAdmin, onClose, onAccount, onAdmin, onLogOut } = props
  const [dialog, setDialog] = useState<'room' | 'direct'>()
  const close = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (isOpen) close.current?.focus()
  }, [isOpen])
  // A browser removes the focus from an element that is moved, here when a message changes the order of the rooms.
  const focused = document.activeElement as HTMLElement | null
  useLayoutEffect(() => {
    if (document.activeElement === document.body && focused?.isConnected) focused.focus()
  })

  const item = (entry: RoomEntry) => (
    <RoomItem key={entry.name} {...{ rooms, entry }} isCurrent={entry.name === current} onChoose={onClose} />
  )
  const dialogProps = { rooms, onClose: () => setDialog(undefined) }

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
        <div class="lists">
          <Section title="Rooms" button="New room" onNew={() => setDialog('room')}>
            {list.filter(({ visibility }) => visibility !== 'direct').map(item)}
          </Section>
          <Section title="Direct messages" button="New direct message" onNew={() => setDialog('direct')}>
            {list.filter(({ visibility }) => visibility === 'direct').map(item)}
          </Section>
        </div>
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
      {dialog === 'room' && <NewRoom {...dialogProps} />}
      {dialog === 'direct' && <NewDirect {...dialogProps} api={api} me={identity.user_id} />}
    </>
  )
}

interface SectionProps {
  readonly title: string
  /** The label of the button that creates an item. */
  readonly button: string
  readonly onNew: () => void
  readonly children: ComponentChildren
}

const Section = ({ title, button, onNew, children }: SectionProps) => (
  <>
    <div class="section">
      <h2>{title}</h2>
      <button type="button" class="icon-button" onClick={onNew} aria-label={button} title={button}>
        <Plus />
      </button>
    </div>
    <ul class="rooms">{children}</ul>
  </>
)
