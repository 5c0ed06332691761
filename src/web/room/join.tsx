/** Renders the dialog of an invitation link: the room to which it leads, and a button to join it. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { InvitationPreview, Session } from '../../../client/src/index.ts'
import { useAction } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'
import { untitledOf } from '../room-entry.ts'
import { goTo } from '../room-link.ts'
import { invitationsOf } from './apis.ts'

interface JoinProps {
  readonly session: Session
  readonly code: string
  readonly onClose: () => void
}

export const Join = ({ session, code, onClose }: JoinProps) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const [preview, setPreview] = useState<InvitationPreview>()
  const action = useAction()
  const api = invitationsOf(session)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  useEffect(() => void action.run(async () => setPreview(await api.show(code))), [])
  const join = (event: Event): void => {
    event.preventDefault()
    void action.run(async () => {
      const { room } = await api.accept(code)
      goTo(room)
      onClose()
    })
  }
  return (
    <dialog ref={dialog} class="card" onClose={onClose} aria-labelledby="join-title">
      <form onSubmit={join}>
        <h2 id="join-title">Invitation</h2>
        {preview && (
          <p>
            You are invited to join <bdi class="who">{preview.title ?? untitledOf(preview.room, 'private')}</bdi>, a
            room with {preview.members === 1 ? '1 member' : `${preview.members} members`}.
          </p>
        )}
        <Refusal error={action.error} />
        <div class="buttons">
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>
            {preview ? 'Cancel' : 'Close'}
          </button>
          {preview && (
            <button type="submit" class="primary" aria-disabled={action.isBusy}>
              Join
            </button>
          )}
        </div>
      </form>
    </dialog>
  )
}
