/**
 * Renders the dialog to create a room from a title. For a public room, shows the room's name, which is derived from the title.
 * The service creates the name of a private room.
 */
import { useState } from 'preact/hooks'
import { CheckBox } from '../check-box.tsx'
import { Dialog } from '../dialog.tsx'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { roomNameOf } from '../names.ts'
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
  const name = roomNameOf(title)
  const given = title.trim()
  const create = async (): Promise<void> => {
    const room = isPrivate ? { visibility: 'private' as const } : { room: name }
    goTo(await rooms.create({ ...room, title: given }))
    onClose()
  }

  return (
    <Dialog
      title="New room"
      button="Create room"
      isDisabled={isPrivate ? given === '' : name === ''}
      work={create}
      {...{ action, onClose }}
    >
      <Field name="title" label="Title" value={title} onInput={setTitle} />
      <CheckBox
        name="private"
        label="Private: only members can see the room"
        isChecked={isPrivate}
        onChange={setPrivate}
      />
      <p class="hint">{isPrivate ? 'You can add members when the room is created.' : <PublicName name={name} />}</p>
    </Dialog>
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
