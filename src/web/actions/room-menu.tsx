/** Renders the menu of a room in the list of rooms: mark as read or unread, and hide a direct room. */
import { isUnread, type RoomEntry } from '../room-entry.ts'
import { DEFAULT_ROOM, goTo } from '../room-link.ts'
import type { Rooms } from '../rooms.ts'
import { MenuBox, MenuItem } from './menu-box.tsx'

interface RoomMenuProps {
  readonly anchor: HTMLElement
  readonly rooms: Rooms
  readonly entry: RoomEntry
  /** Called to close the menu and to set the focus to the room. */
  readonly onDone: () => void
  readonly onClose: () => void
}

export const RoomMenu = ({ anchor, rooms, entry, onDone, onClose }: RoomMenuProps) => {
  const { name, visibility } = entry
  // Ignores errors, because the inbox shows the former state again if the service refuses the change.
  const choose = (change: () => Promise<void>) => (): void => {
    onDone()
    void change().catch(() => {})
  }
  return (
    <MenuBox {...{ anchor, onDone, onClose }}>
      {isUnread(entry) ? (
        <MenuItem onChoose={choose(() => rooms.markRead(name))}>Mark as read</MenuItem>
      ) : (
        <MenuItem onChoose={choose(() => rooms.markUnread(name))}>Mark as unread</MenuItem>
      )}
      {visibility === 'direct' && (
        <MenuItem
          onChoose={choose(async () => {
            await rooms.hide(name)
            if (rooms.isCurrent(name)) goTo(DEFAULT_ROOM)
          })}
        >
          Hide until the next message
        </MenuItem>
      )}
    </MenuBox>
  )
}
