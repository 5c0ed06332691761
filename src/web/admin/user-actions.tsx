/** Renders the actions on a user: change the role, suspend, end the sessions, reset the password and delete. */
import { useState } from 'preact/hooks'
import type { ManagedUser } from '../../../client/src/index.ts'
import { CheckBox } from '../check-box.tsx'
import { useProtectedAction } from '../proof.tsx'
import { Refusal } from '../refusal.tsx'
import { fullTime } from '../times.ts'
import type { AdminSectionProps } from './users.tsx'

interface UserActionsProps extends AdminSectionProps {
  readonly user: ManagedUser
  /** Called with the changed user, or with undefined after the user was deleted. */
  readonly onChange: (user: ManagedUser | undefined) => void
}

export const UserActions = ({ admin, withProof, user, onChange }: UserActionsProps) => {
  const [isDeleting, setDeleting] = useState(false)
  const [done, setDone] = useState<string>()
  const action = useProtectedAction(withProof)
  const run = (work: () => Promise<string | undefined>) => () => {
    setDone(undefined)
    void action.run(async () => setDone(await work()))
  }
  const change = (to: Parameters<typeof admin.changeUser>[1]) =>
    run(async () => {
      onChange(await admin.changeUser(user.id, to))
      return 'Saved.'
    })
  const reset = run(async () => {
    const { token, expires_in: seconds } = await admin.resetPassword(user.id)
    return token === undefined
      ? 'The user gets a mail with a link to set a new password.'
      : `Give this link to the user. It works once, until ${fullTime(Date.now() + seconds * 1000)}: ${location.origin}${location.pathname}#reset=${token}`
  })
  const isSuspended = user.status === 'suspended'
  return (
    <div class="actions">
      <div class="row">
        <button type="button" class="plain" onClick={change({ role: user.role === 'admin' ? 'user' : 'admin' })}>
          {user.role === 'admin' ? 'Remove the role of administrator' : 'Make an administrator'}
        </button>
        <button type="button" class="plain" onClick={change({ status: isSuspended ? 'active' : 'suspended' })}>
          {isSuspended ? 'Restore' : 'Suspend'}
        </button>
        {/* A suspended user has no sessions to end. */}
        {!isSuspended && (
          <button
            type="button"
            class="plain"
            onClick={run(async () => {
              await admin.endSessions(user.id)
              return 'All sessions of the user have ended.'
            })}
          >
            Log out everywhere
          </button>
        )}
        {!isSuspended && (
          <button type="button" class="plain" onClick={reset}>
            Reset the password
          </button>
        )}
        <button type="button" class="plain bad" aria-expanded={isDeleting} onClick={() => setDeleting(!isDeleting)}>
          Delete…
        </button>
      </div>
      {isDeleting && (
        <Deletion
          username={user.username}
          onDelete={shouldErase =>
            void action
              .run(() => admin.deleteUser(user.id, shouldErase ? true : undefined))
              .then(isDone => isDone && onChange(undefined))
          }
        />
      )}
      <Refusal error={action.error} />
      <p role="status" class="success">
        {done}
      </p>
    </div>
  )
}

interface DeletionProps {
  readonly username: string
  readonly onDelete: (shouldErase: boolean) => void
}

const Deletion = ({ username, onDelete }: DeletionProps) => {
  const [shouldErase, setErase] = useState(false)
  return (
    <div class="row">
      <CheckBox
        name="erase-user"
        label="Also erase the texts of all messages"
        isChecked={shouldErase}
        onChange={setErase}
      />
      <button type="button" class="danger" onClick={() => onDelete(shouldErase)}>
        Delete {username}
      </button>
    </div>
  )
}
