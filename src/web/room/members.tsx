/** Renders the members of a room with their roles, and buttons to join and to leave it. */
import { useState } from 'preact/hooks'
import type { ChatApi, Member, Session } from '../../../client/src/index.ts'
import { Avatar } from '../avatar.tsx'
import { useAction } from '../hooks.ts'
import { List } from '../list.tsx'
import { usePages } from '../pages.ts'
import { Refusal } from '../refusal.tsx'
import { DEFAULT_ROOM, goTo } from '../room-link.ts'
import type { Rooms } from '../rooms.ts'
import { MemberActions } from './member-actions.tsx'
import type { Rights } from './rights.ts'

/** The properties that all sections of the dialog have. */
export interface RoomSectionProps {
  readonly session: Session
  readonly api: ChatApi
  readonly room: string
  /** The id of the authenticated user. */
  readonly me: number | undefined
  readonly rights: Rights
}

interface MembersSectionProps extends RoomSectionProps {
  readonly rooms: Rooms
  /** Called after the user has left the room. */
  readonly onLeft: () => void
}

const PAGE = 100

export const MembersSection = (props: MembersSectionProps) => {
  const { session, api, room, me, rights } = props
  const [selected, setSelected] = useState<number>()
  const pages = usePages(async after => {
    const { members, next } = await api.members(room, { limit: PAGE, ...after })
    return { items: members.map(member => ({ ...member, id: member.user_id })), next }
  })
  /** Sets the focus to the button of a member. If the member has none, sets it to the list. */
  const focus = (id: number | undefined): void => {
    const button = pages.list.current?.querySelector<HTMLElement>(`[data-member="${id}"] button`)
    const target = button ?? pages.list.current
    target?.focus()
  }
  // Replaces a member in the list. Sets the focus, because the pressed button, which has the focus, disappears.
  const changed = (member: Member): void => {
    setSelected(undefined)
    pages.replace({ ...member, id: member.user_id })
    // After a change of their own role, users may no longer have this button. The focus is therefore set to the list.
    focus(member.user_id === me ? undefined : member.user_id)
  }
  const removed = (id: number): void => {
    setSelected(undefined)
    const at = pages.items.findIndex(member => member.id === id)
    focus((pages.items[at + 1] ?? pages.items[at - 1])?.id)
    pages.reload()
  }
  const joined = (): void => {
    focus(undefined)
    pages.reload()
  }
  return (
    <>
      <List pages={pages} class="members" label="Members" empty="The room has no members.">
        {member => {
          const { user_id: id, username, role } = member
          const isMe = id === me
          const canRemove = !isMe && rights.remove(role)
          const roles = rights.roles(role, isMe)
          return (
            <li key={id} data-member={id}>
              <Avatar id={id} name={username} />
              <span class="name">
                <span dir="auto">{username}</span>
                {isMe && <span class="hint"> you</span>}
                {role !== 'member' && <span class="mark">{role}</span>}
              </span>
              {(canRemove || roles.length > 0) && (
                <button
                  type="button"
                  class="plain"
                  aria-expanded={id === selected}
                  aria-label={`Manage ${username}`}
                  onClick={() => setSelected(id === selected ? undefined : id)}
                >
                  Manage
                </button>
              )}
              {id === selected && (
                <MemberActions
                  {...{ session, api, room, member, roles, canRemove }}
                  onChange={changed}
                  onRemove={removed}
                />
              )}
            </li>
          )
        }}
      </List>
      <OwnMembership {...props} onJoined={joined} />
    </>
  )
}

/** Renders the button to join the room, or the buttons to leave it. */
const OwnMembership = (props: MembersSectionProps & { readonly onJoined: () => void }) => {
  const { api, room, rooms, rights, onLeft, onJoined } = props
  const [isLeaving, setLeaving] = useState(false)
  const action = useAction()
  const join = (): void =>
    void action.run(async () => {
      await api.putMember(room, 'me')
      rooms.update(await api.showRoom(room))
      onJoined()
    })
  const leave = (): void =>
    void action.run(async () => {
      await api.removeMember(room, 'me')
      // A public room stays in the list of rooms, because the user can still read it.
      if (rights.isPublic) rooms.update(await api.showRoom(room))
      else {
        goTo(DEFAULT_ROOM)
        rooms.forget(room)
      }
      onLeft()
    })
  return (
    <div class="section-form">
      {rights.join && (
        <button type="button" class="primary" disabled={action.isBusy} onClick={join}>
          Join the room
        </button>
      )}
      {rights.leave && (
        <button type="button" class="danger" aria-expanded={isLeaving} onClick={() => setLeaving(!isLeaving)}>
          Leave the room…
        </button>
      )}
      {isLeaving && (
        <div class="row">
          <p class="hint">
            {rights.isPublic
              ? 'You can join the room again.'
              : 'You can read the room again only if a member adds you.'}
          </p>
          <button type="button" class="danger" disabled={action.isBusy} onClick={leave}>
            Leave
          </button>
        </div>
      )}
      <Refusal error={action.error} />
    </div>
  )
}
