/** Renders the form of a mail link: to set a new password, or to verify an e-mail address. */

import { useState } from 'preact/hooks'
import { PASSWORD_RULES, type Session } from '../../../client/src/index.ts'
import { accountOf } from '../account-api.ts'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import type { MailLink } from '../mail-links.ts'
import { Card } from './card.tsx'

interface MailLinkFormProps {
  readonly link: MailLink
  readonly session: Session
  readonly onDone: () => void
}

export const MailLinkForm = ({ link, session, onDone }: MailLinkFormProps) => {
  const [password, setPassword] = useState('')
  const [isDone, setDone] = useState(false)
  const action = useAction()
  const isReset = link.purpose === 'reset'
  const submit = (): void =>
    void action
      .run(() => {
        const account = accountOf(session)
        return isReset ? account.resetPassword(link.token, password) : account.verifyEmail(link.token)
      })
      .then(setDone)

  if (isDone) {
    return (
      <Card
        title={isReset ? 'Password changed' : 'E-mail verified'}
        lead={isReset ? 'All sessions have ended. Log in with the new password.' : 'The address is now yours to use.'}
        button="Continue"
        focus={() => 'button'}
        action={action}
        onSubmit={onDone}
      />
    )
  }
  return (
    <Card
      title={isReset ? 'Set a new password' : 'Verify your e-mail'}
      lead={
        isReset
          ? 'The new password replaces the old one, and ends every session.'
          : 'Confirm that this address is yours.'
      }
      button={isReset ? 'Set the password' : 'Verify the address'}
      focus={() => (isReset ? 'input' : 'button')}
      action={action}
      isComplete={!isReset || password !== ''}
      onSubmit={submit}
      after={
        <button type="button" class="plain" onClick={onDone}>
          Cancel
        </button>
      }
    >
      {isReset && (
        <Field
          name="password"
          label="New password"
          value={password}
          rules={PASSWORD_RULES}
          autoComplete="new-password"
          isSecret
          onInput={setPassword}
        />
      )}
    </Card>
  )
}
