/**
 * Renders the form to set slow mode. Users with the right `change` can also archive the room, and set who may add people to a
 * private room.
 */
import type { RoomSettings } from '../../../client/src/index.ts'
import { CheckBox } from '../check-box.tsx'
import { Choice } from '../choice.tsx'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import type { RoomEntry } from '../room-entry.ts'
import { DEFAULT_ROOM } from '../room-link.ts'
import type { Rooms } from '../rooms.ts'
import { durationOf } from '../times.ts'
import type { RoomSectionProps } from './members.tsx'

interface SettingsFormProps extends Pick<RoomSectionProps, 'api' | 'room' | 'rights'> {
  readonly rooms: Rooms
  readonly entry: RoomEntry
}

/** The offered intervals of slow mode, in seconds. */
const INTERVALS = [0, 5, 30, 60, 300, 3600]

export const SettingsForm = ({ api, room, rights, rooms, entry }: SettingsFormProps) => {
  const action = useAction()
  const { slowMode, isArchived, invite, visibility } = entry
  const change = (settings: RoomSettings): void =>
    void action.run(async () => rooms.update(await api.changeRoom(room, settings)))
  const intervals = INTERVALS.includes(slowMode) ? INTERVALS : [...INTERVALS, slowMode]
  return (
    <div class="section-form">
      <Choice
        name="slow-mode"
        label="Slow mode"
        value={String(slowMode)}
        options={intervals.map(
          seconds => [String(seconds), seconds === 0 ? 'Off' : `One message per ${durationOf(seconds)}`] as const
        )}
        onChange={value => change({ slow_mode_seconds: Number(value) })}
      />
      {rights.change && visibility === 'private' && (
        <Choice
          name="room-invite"
          label="Who may add people"
          value={invite}
          options={[
            ['members', 'All members'],
            ['moderators', 'Moderators and owners']
          ]}
          onChange={value => change({ invite: value as 'members' | 'moderators' })}
        />
      )}
      {rights.change && room !== DEFAULT_ROOM && (
        <CheckBox
          name="room-archived"
          label="Archive the room: members can read it, but nobody can post"
          isChecked={isArchived}
          onChange={archived => change({ archived })}
        />
      )}
      <Refusal error={action.error} />
    </div>
  )
}
