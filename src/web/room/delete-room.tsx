/** Renders the button that deletes a room, with a confirmation. */
import { useState } from 'preact/hooks'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import type { RoomEntry } from '../room-entry.ts'
import { DEFAULT_ROOM, goTo } from '../room-link.ts'
import type { Rooms } from '../rooms.ts'
import { moderationOf } from './apis.ts'
import type { RoomSectionProps } from './members.tsx'

interface DeleteRoomProps extends Pick<RoomSectionProps, 'session' | 'room'> {
  readonly rooms: Rooms
  readonly entry: RoomEntry
  readonly onDeleted: () => void
}

export const DeleteRoom = ({ session, room, rooms, entry, onDeleted }: DeleteRoomProps) => {
  const [isOpen, setOpen] = useState(false)
  const [title, setTitle] = useState('')
  const action = useAction()
  const submit = (event: Event): void => {
    event.preventDefault()
    if (title.trim() !== entry.title) return
    void action.run(async () => {
      await moderationOf(session).deleteRoom(room)
      goTo(DEFAULT_ROOM)
      rooms.forget(room)
      onDeleted()
    })
  }
  return (
    <form class="section-form" onSubmit={submit}>
      <button type="button" class="danger" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Delete the room…
      </button>
      {isOpen && (
        <>
          <p class="note">
            All messages are deleted, for everybody. This can’t be undone. Enter the title to confirm:{' '}
            <bdi>{entry.title}</bdi>
          </p>
          <Field name="delete-title" label="Title of the room" value={title} onInput={setTitle} />
          <Refusal error={action.error} />
          <button type="submit" class="danger" disabled={title.trim() !== entry.title || action.isBusy}>
            Delete the room and all its messages
          </button>
        </>
      )}
    </form>
  )
}
