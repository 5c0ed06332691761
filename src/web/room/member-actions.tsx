/** Renders what the user can do with a member: give another role, mute, ban and remove the member. */
import { useState } from 'preact/hooks'
import type { ChatApi, Member, Session } from '../../../client/src/index.ts'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import type { MemberRole } from '../room-entry.ts'
import { Restrict } from './restrict.tsx'

interface MemberActionsProps {
  readonly session: Session
  readonly api: ChatApi
  readonly room: string
  readonly member: Member
  /** The roles that the user may give. */
  readonly roles: readonly MemberRole[]
  readonly canRemove: boolean
  /** Called with the changed member. */
  readonly onChange: (member: Member) => void
  /** Called with the id of the removed member. */
  readonly onRemove: (id: number) => void
}

const LABELS: { readonly [role in MemberRole]: string } = {
  member: 'Make a member',
  moderator: 'Make a moderator',
  owner: 'Make an owner'
}

export const MemberActions = (props: MemberActionsProps) => {
  const { session, api, room, member, roles, canRemove, onChange, onRemove } = props
  const [kind, setKind] = useState<'mute' | 'ban'>()
  const action = useAction()
  const { user_id: id } = member
  return (
    <div class="actions">
      <div class="row">
        {roles.map(role => (
          <button
            key={role}
            type="button"
            class="plain"
            // A disabled button would lose the focus. `run` ignores a second press.
            aria-disabled={action.isBusy}
            onClick={() => void action.run(async () => onChange(await api.putMember(room, id, role)))}
          >
            {LABELS[role]}
          </button>
        ))}
        {canRemove && (
          <button
            type="button"
            class="plain bad"
            aria-disabled={action.isBusy}
            onClick={() =>
              void action.run(async () => {
                await api.removeMember(room, id)
                onRemove(id)
              })
            }
          >
            Remove from the room
          </button>
        )}
        {canRemove &&
          (['mute', 'ban'] as const).map(one => (
            <button
              key={one}
              type="button"
              class="plain bad"
              aria-expanded={kind === one}
              onClick={() => setKind(kind === one ? undefined : one)}
            >
              {one === 'mute' ? 'Mute…' : 'Ban…'}
            </button>
          ))}
      </div>
      {kind && (
        <Restrict
          key={kind}
          {...{ session, room, kind }}
          user={member}
          onDone={() => (kind === 'ban' ? onRemove(id) : onChange(member))}
        />
      )}
      <Refusal error={action.error} />
    </div>
  )
}
