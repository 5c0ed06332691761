/** Renders the dialogs for a message of somebody else: to report the message, and to block its author. */
import { useState } from 'preact/hooks'
import type { Message, Session } from '../../../client/src/index.ts'
import { loadBlocked } from '../blocked.ts'
import { Dialog } from '../dialog.tsx'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { excerptOf } from '../quotes.ts'
import { safetyOf } from './apis.ts'

interface CommonProps {
  readonly session: Session
  readonly message: Message
  readonly onClose: () => void
}

const ReportDialog = ({ session, message, onClose }: CommonProps) => {
  const [reason, setReason] = useState('')
  const [isDone, setDone] = useState(false)
  const action = useAction()
  const { room, seq, username, content } = message
  return (
    <Dialog
      title="Report a message"
      button={!isDone && 'Report'}
      isDangerous
      {...{ action, onClose }}
      work={async () => {
        await safetyOf(session).report(room, seq, reason.trim() || undefined)
        setDone(true)
      }}
    >
      {isDone ? (
        <p role="status">The message was reported.</p>
      ) : (
        <>
          <p class="hint">
            Moderators and administrators (in direct messages, only administrators) can read the message of{' '}
            <bdi>{username}</bdi> as it is now, your name and the reason.
          </p>
          <p class="reported" dir="auto">
            {excerptOf(content ?? '')}
          </p>
          <Field name="report-reason" label="Reason" value={reason} hint="Optional." onInput={setReason} />
        </>
      )}
    </Dialog>
  )
}

interface BlockDialogProps extends CommonProps {
  readonly blocked: ReadonlySet<number>
  /** Called with the ids of all blocked users after a change. */
  readonly onChange: (blocked: ReadonlySet<number>) => void
}

const BlockDialog = ({ session, message, blocked, onChange, onClose }: BlockDialogProps) => {
  const { user_id: id, username } = message
  const action = useAction()
  const isBlocked = blocked.has(id)
  return (
    <Dialog
      title={isBlocked ? `Unblock ${username}` : `Block ${username}`}
      button={isBlocked ? 'Unblock' : 'Block'}
      isDangerous
      {...{ action, onClose }}
      work={async () => {
        const api = safetyOf(session)
        await (isBlocked ? api.unblock(id) : api.block(id))
        onChange(await loadBlocked(session))
        onClose()
      }}
    >
      <p class="hint">
        {isBlocked
          ? 'You see the messages of this user again, and can write to each other.'
          : 'Neither of you can post in your direct messages. In other rooms, the page hides the messages of this user.'}
      </p>
    </Dialog>
  )
}

export const SafetyDialog = ({ kind, ...props }: BlockDialogProps & { readonly kind: 'report' | 'block' }) =>
  kind === 'report' ? <ReportDialog {...props} /> : <BlockDialog {...props} />
