/** Renders the dialog of an invitation link: the room to which it leads, and a button to join it. */
import { useEffect, useState } from 'preact/hooks'
import type { InvitationPreview, Session } from '../../../client/src/index.ts'
import { Dialog } from '../dialog.tsx'
import { useAction } from '../hooks.ts'
import { untitledOf } from '../room-entry.ts'
import { goTo } from '../room-link.ts'
import { invitationsOf } from './apis.ts'

interface JoinProps {
  readonly session: Session
  readonly code: string
  readonly onClose: () => void
}

export const Join = ({ session, code, onClose }: JoinProps) => {
  const [preview, setPreview] = useState<InvitationPreview>()
  const action = useAction()
  const api = invitationsOf(session)
  useEffect(() => void action.run(async () => setPreview(await api.show(code))), [])
  const join = async (): Promise<void> => {
    const { room } = await api.accept(code)
    goTo(room)
    onClose()
  }
  return (
    <Dialog title="Invitation" button={preview && 'Join'} work={join} {...{ action, onClose }}>
      {preview && (
        <p>
          You are invited to join <bdi class="who">{preview.title ?? untitledOf(preview.room, 'private')}</bdi>, a room
          with {preview.members === 1 ? '1 member' : `${preview.members} members`}.
        </p>
      )}
    </Dialog>
  )
}
