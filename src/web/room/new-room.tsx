/**
 * Renders the dialog to create a room from a title. For a public room, shows the room's name, which is derived from the title.
 * The service creates the name of a private room.
 */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { CheckBox } from '../check-box.tsx'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { roomNameOf } from '../names.ts'
import { Refusal } from '../refusal.tsx'
import { goTo } from '../room-link.ts'
import type { Rooms } from '../rooms.ts'

interface NewRoomProps {
  readonly rooms: Rooms
  readonly onClose: () => void
}

export const NewRoom = ({ rooms, onClose }: NewRoomProps) => {
  const [title, setTitle] = useState('')
  const [isPrivate, setPrivate] = useState(false)
  const action = useAction()
  const dialog = useRef<HTMLDialogElement>(null)
  const name = roomNameOf(title)
  const given = title.trim()
  const isComplete = isPrivate ? given !== '' : name !== ''
  // Opens the dialog before the browser paints, so that it receives the next key press.
  useLayoutEffect(() => dialog.current?.showModal(), [])

  const submit = (event: Event): void => {
    event.preventDefault()
    if (!isComplete) return
    void action.run(async () => {
      const room = isPrivate ? { visibility: 'private' as const } : { room: name }
      goTo(await rooms.create({ ...room, title: given }))
      onClose()
    })
  }

  return (
    <dialog ref={dialog} class="card" onClose={onClose} aria-labelledby="new-room-title">
      <form onSubmit={submit}>
        <h2 id="new-room-title">New room</h2>
        <Field name="title" label="Title" value={title} onInput={setTitle} />
        <CheckBox
          name="private"
          label="Private: only members can see the room"
          isChecked={isPrivate}
          onChange={setPrivate}
        />
        <p class="address">
          {isPrivate ? 'You can add members when the room is created.' : <PublicName name={name} />}
        </p>
        <Refusal error={action.error} />
        <div class="buttons">
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!isComplete || action.isBusy}>
            Create room
          </button>
        </div>
      </form>
    </dialog>
  )
}

const PublicName = ({ name }: { readonly name: string }) =>
  name ? (
    <>
      The room's name will be <strong>#{name}</strong>
    </>
  ) : (
    <>Every user will see the room.</>
  )
