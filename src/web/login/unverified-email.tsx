/**
 * Renders the step of a login that needs a verified e-mail address. Sends another mail, to a corrected address if the user
 * enters one.
 */
import { useState } from 'preact/hooks'
import type { AccountApi, ChatApiError } from '../../../client/src/index.ts'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { Card } from './card.tsx'

interface UnverifiedEmailProps {
  readonly account: AccountApi
  /** The error `email_not_verified`, with the challenge. */
  readonly refusal: ChatApiError
  readonly onCancel: () => void
}

export const UnverifiedEmail = ({ account, refusal, onCancel }: UnverifiedEmailProps) => {
  const [email, setEmail] = useState('')
  const [isSent, setSent] = useState(false)
  const action = useAction()
  const submit = (): void =>
    void action
      .run(() => account.requestVerification(refusal.challenge ?? '', email === '' ? undefined : email))
      .then(setSent)
  return (
    <Card
      title="Verify your e-mail"
      lead="Open the link in the mail, then log in."
      button="Send the mail again"
      action={action}
      onSubmit={submit}
      after={
        <button type="button" class="plain" onClick={onCancel}>
          Back to the login
        </button>
      }
    >
      {isSent && (
        <p class="note" role="status">
          The mail is on its way.
        </p>
      )}
      <Field
        name="email"
        label="Another address (optional)"
        value={email}
        autoComplete="email"
        inputMode="email"
        onInput={value => setEmail(value.trim())}
      />
    </Card>
  )
}
