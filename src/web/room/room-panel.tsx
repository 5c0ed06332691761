/** Renders the dialog of a room: its members, a search for people to add, and its title and topic. */
import type { ChatApi } from '../../../client/src/index.ts'
import { Panel } from '../panel.tsx'
import type { RoomEntry } from '../room-entry.ts'
import type { Rooms } from '../rooms.ts'
import { AboutSection } from './about.tsx'
import { AddSection } from './add.tsx'
import { MembersSection } from './members.tsx'
import { rightsOf } from './rights.ts'

export interface RoomPanelProps {
  readonly api: ChatApi
  readonly rooms: Rooms
  readonly entry: RoomEntry
  readonly me: number | undefined
  /** Whether the user is an administrator of the service. */
  readonly isAdmin: boolean
  readonly onClose: () => void
}

export const RoomPanel = ({ api, rooms, entry, me, isAdmin, onClose }: RoomPanelProps) => {
  const rights = rightsOf(entry.visibility, entry.role, isAdmin)
  const common = { api, room: entry.name, me, rights }
  return (
    <Panel
      title={entry.title}
      sections={[
        { label: 'Members', content: <MembersSection {...common} rooms={rooms} onLeft={onClose} /> },
        ...(rights.add ? [{ label: 'Add people', content: <AddSection {...common} /> }] : []),
        ...(entry.visibility === 'direct'
          ? []
          : [{ label: 'About', content: <AboutSection {...common} rooms={rooms} entry={entry} /> }])
      ]}
      onClose={onClose}
    />
  )
}
