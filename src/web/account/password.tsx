/** Renders the form to change the password. */
import { useState } from 'preact/hooks'
import { PASSWORD_RULES } from '../../../client/src/index.ts'
import { Field } from '../field.tsx'
import { useProtectedAction } from '../proof.tsx'
import type { SectionProps } from './account.tsx'
import { SectionForm } from './section.tsx'

export const PasswordSection = ({ account, me, withProof }: SectionProps) => {
  const [password, setPassword] = useState('')
  const [done, setDone] = useState<string>()
  const action = useProtectedAction(withProof)
  const submit = (): void => {
    setDone(undefined)
    void action
      .run(() => account.changePassword(password))
      .then(isDone => {
        if (!isDone) return
        setPassword('')
        setDone('Your password is changed. All your other sessions have ended.')
      })
  }
  return (
    <SectionForm
      title="Change your password"
      text="All your other sessions end."
      button="Change the password"
      action={action}
      isComplete={password !== ''}
      done={done}
      onSubmit={submit}
    >
      {/* Password managers read the username from this hidden field and store the new password for this username. */}
      <input
        class="hidden"
        type="text"
        autocomplete="username"
        value={me.username}
        tabIndex={-1}
        aria-hidden="true"
        readOnly
      />
      <Field
        name="new-password"
        label="New password"
        value={password}
        rules={PASSWORD_RULES}
        autoComplete="new-password"
        isSecret
        onInput={setPassword}
      />
    </SectionForm>
  )
}
