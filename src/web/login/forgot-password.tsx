/** Renders the request for a mail with a link to set a new password. */
import { useState } from 'preact/hooks'
import type { AccountApi } from '../../../client/src/index.ts'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { Card } from './card.tsx'

interface ForgotPasswordProps {
  readonly account: AccountApi
  readonly onCancel: () => void
}

export const ForgotPassword = ({ account, onCancel }: ForgotPasswordProps) => {
  const [email, setEmail] = useState('')
  const [isSent, setSent] = useState(false)
  const action = useAction()
  const back = (
    <button type="button" class="plain" onClick={onCancel}>
      Back to the login
    </button>
  )
  // The text is the same for known and unknown addresses, so that it doesn't reveal who has an account.
  if (isSent) {
    return (
      <Card
        title="Check your mail"
        lead="If an account has this address, a link is on its way. It works for 30 minutes."
        action={action}
        after={back}
      />
    )
  }
  return (
    <Card
      title="Forgot your password?"
      lead="We send a link to your verified address."
      button="Send the link"
      action={action}
      isComplete={email.includes('@')}
      onSubmit={() => void action.run(() => account.forgotPassword(email)).then(setSent)}
      after={back}
    >
      <Field
        name="email"
        label="E-mail"
        value={email}
        autoComplete="email"
        inputMode="email"
        onInput={value => setEmail(value.trim())}
      />
    </Card>
  )
}
