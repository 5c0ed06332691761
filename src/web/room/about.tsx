/** Renders the title and the topic of a room. Whoever may change them gets a form. */
import { useState } from 'preact/hooks'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import type { RoomEntry } from '../room-entry.ts'
import type { Rooms } from '../rooms.ts'
import type { RoomSectionProps } from './members.tsx'

interface AboutSectionProps extends RoomSectionProps {
  readonly rooms: Rooms
  readonly entry: RoomEntry
}

const AUDIENCES = {
  public: 'Every user can read the room.',
  private: 'Only members can see the room.',
  direct: 'Only these people can see the messages.'
}

export const AboutSection = ({ api, room, rooms, rights, entry }: AboutSectionProps) => (
  <>
    <p class="hint">{AUDIENCES[entry.visibility]}</p>
    {rights.change ? (
      <ChangeForm {...{ api, room, rooms, entry }} />
    ) : (
      <p class="about" dir="auto">
        {entry.topic ?? 'The room has no topic.'}
      </p>
    )}
  </>
)

const ChangeForm = ({ api, room, rooms, entry }: Pick<AboutSectionProps, 'api' | 'room' | 'rooms' | 'entry'>) => {
  const [title, setTitle] = useState(entry.title)
  const [topic, setTopic] = useState(entry.topic ?? '')
  const [isSaved, setSaved] = useState(false)
  const action = useAction()
  const submit = (event: Event): void => {
    event.preventDefault()
    setSaved(false)
    void action.run(async () => {
      const change = {
        ...(title.trim() === entry.title ? {} : { title: title.trim() || null }),
        ...(topic.trim() === (entry.topic ?? '') ? {} : { topic: topic.trim() || null })
      }
      if (Object.keys(change).length > 0) rooms.update(await api.changeRoom(room, change))
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
