/**
 * Renders the dialog of a room: its members, a search for people to add, invitations, its title, topic and settings, and the
 * restrictions and reports for moderators.
 */
import type { ChatApi, Session } from '../../../client/src/index.ts'
import { Panel } from '../panel.tsx'
import type { RoomEntry } from '../room-entry.ts'
import type { Rooms } from '../rooms.ts'
import { AboutSection } from './about.tsx'
import { AddSection } from './add.tsx'
import { InvitationsSection } from './invitations.tsx'
import { MembersSection } from './members.tsx'
import { ReportsSection } from './reports.tsx'
import { RestrictionsSection } from './restrictions.tsx'
import { rightsOf } from './rights.ts'

export interface RoomPanelProps {
  readonly session: Session
  readonly api: ChatApi
  readonly rooms: Rooms
  readonly entry: RoomEntry
  readonly me: number | undefined
  /** Whether the user is an administrator of the service. */
  readonly isAdmin: boolean
  readonly onClose: () => void
}

export const RoomPanel = ({ session, api, rooms, entry, me, isAdmin, onClose }: RoomPanelProps) => {
  const rights = rightsOf(entry.visibility, entry.role, isAdmin, entry.invite)
  const common = { session, api, room: entry.name, me, rights }
  return (
    <Panel
      title={entry.title}
      sections={[
        { label: 'Members', content: <MembersSection {...common} rooms={rooms} onLeft={onClose} /> },
        ...(rights.add ? [{ label: 'Add people', content: <AddSection {...common} /> }] : []),
        ...(rights.add ? [{ label: 'Invitations', content: <InvitationsSection {...common} /> }] : []),
        ...(entry.visibility === 'direct'
          ? []
          : [{ label: 'About', content: <AboutSection {...common} {...{ rooms, entry }} onDeleted={onClose} /> }]),
        ...(rights.moderate
          ? [
              { label: 'Restrictions', content: <RestrictionsSection {...common} /> },
              { label: 'Reports', content: <ReportsSection {...common} /> }
            ]
          : [])
      ]}
      onClose={onClose}
    />
  )
}
