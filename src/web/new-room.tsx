/** Renders the dialog to create a room from a title. Shows the room's name, which is derived from the title. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { ChatApiError } from '../../client/src/index.ts'
import { Field } from './field.tsx'
import { roomNameOf } from './names.ts'
import type { Rooms } from './rooms.ts'

interface NewRoomProps {
  readonly rooms: Rooms
  readonly onClose: () => void
}

export const NewRoom = ({ rooms, onClose }: NewRoomProps) => {
  const [title, setTitle] = useState('')
  const [refusal, setRefusal] = useState<string>()
  const dialog = useRef<HTMLDialogElement>(null)
  const name = roomNameOf(title)
  // Opens the dialog before the browser paints, so that it receives the next key press.
  useLayoutEffect(() => dialog.current?.showModal(), [])

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (name === '') return
    try {
      await rooms.create(name, title.trim())
      location.hash = name
      onClose()
    } catch (error) {
      if (!(error instanceof ChatApiError)) throw error
      setRefusal(error.detail)
    }
  }

  return (
    <dialog ref={dialog} class="card" onClose={onClose} aria-labelledby="new-room-title">
      <form onSubmit={submit}>
        <h2 id="new-room-title">New room</h2>
        <Field name="title" label="Title" value={title} onInput={setTitle} />
        <p class="address">
          {name ? (
            <>
              The room's name will be <strong>#{name}</strong>
            </>
          ) : (
            'Every user will see the room.'
          )}
        </p>
        <div role="alert">
          {refusal && (
            <p class="refusal" dir="auto">
              {refusal}
            </p>
          )}
        </div>
        <div class="buttons">
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={name === ''}>
            Create room
          </button>
        </div>
      </form>
    </dialog>
  )
}
