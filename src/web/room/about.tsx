/**
 * Renders who can read a room, and its topic. Users with the necessary rights get forms to change the title, the topic and the
 * settings, and to delete the room.
 */
import { useState } from 'preact/hooks'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import type { RoomEntry } from '../room-entry.ts'
import { DEFAULT_ROOM } from '../room-link.ts'
import type { Rooms } from '../rooms.ts'
import { DeleteRoom } from './delete-room.tsx'
import type { RoomSectionProps } from './members.tsx'
import { SettingsForm } from './settings.tsx'

interface AboutSectionProps extends RoomSectionProps {
  readonly rooms: Rooms
  readonly entry: RoomEntry
  /** Called after the room was deleted. */
  readonly onDeleted: () => void
}

const AUDIENCES = {
  public: 'Every user can read the room.',
  private: 'Only members can see the room.',
  direct: 'Only these people can see the messages.'
}

export const AboutSection = ({ session, api, room, rooms, rights, entry, onDeleted }: AboutSectionProps) => (
  <>
    <p class="hint">{AUDIENCES[entry.visibility]}</p>
    {rights.change ? (
      <ChangeForm {...{ api, room, rooms, entry }} />
    ) : (
      <p class="about" dir="auto">
        {entry.topic ?? 'The room has no topic.'}
      </p>
    )}
    {rights.moderate && <SettingsForm {...{ api, room, rooms, rights, entry }} />}
    {rights.change && room !== DEFAULT_ROOM && <DeleteRoom {...{ session, room, rooms, entry, onDeleted }} />}
  </>
)

const ChangeForm = ({ api, room, rooms, entry }: Pick<AboutSectionProps, 'api' | 'room' | 'rooms' | 'entry'>) => {
  // The inputs are compared with these texts and not with `entry`, which another owner may change in the meantime.
  const [saved, setSavedTexts] = useState({ title: entry.title, topic: entry.topic ?? '' })
  const [title, setTitle] = useState(saved.title)
  const [topic, setTopic] = useState(saved.topic)
  const [isSaved, setSaved] = useState(false)
  const action = useAction()
  const submit = (event: Event): void => {
    event.preventDefault()
    setSaved(false)
    void action.run(async () => {
      const change = {
        ...(title.trim() === saved.title ? {} : { title: title.trim() || null }),
        ...(topic.trim() === saved.topic ? {} : { topic: topic.trim() || null })
      }
      if (Object.keys(change).length > 0) rooms.update(await api.changeRoom(room, change))
      setSavedTexts({ title: title.trim(), topic: topic.trim() })
      setSaved(true)
    })
  }
  return (
    <form class="section-form" onSubmit={submit}>
      <Field name="room-title" label="Title" value={title} onInput={setTitle} />
      <Field name="room-topic" label="Topic" value={topic} onInput={setTopic} />
      <Refusal error={action.error} />
      <p role="status" class="success">
        {isSaved && 'Saved.'}
      </p>
      <button type="submit" class="primary" disabled={action.isBusy}>
        Save
      </button>
    </form>
  )
}
