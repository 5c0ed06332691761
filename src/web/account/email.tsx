/** Renders the user's e-mail address, and the forms to change and remove it. */
import { useState } from 'preact/hooks'
import { Field } from '../field.tsx'
import { useProtectedAction } from '../proof.tsx'
import type { SectionProps } from './account.tsx'
import { SectionForm } from './section.tsx'

export const EmailSection = ({ account, me, withProof, onChange }: SectionProps) => {
  const [email, setEmail] = useState('')
  const [done, setDone] = useState<string>()
  const change = useProtectedAction(withProof)
  const remove = useProtectedAction(withProof)
  const submit = (): void =>
    void change
      .run(() => account.setEmail(email))
      .then(isDone => {
        if (!isDone) return
        setDone(`Open the link in the mail that we have sent to ${email}.`)
        setEmail('')
        onChange()
      })
  return (
    <>
      <SectionForm
        title="E-mail address"
        text={<Current {...me} />}
        button="Send a mail to this address"
        action={change}
        isComplete={email.includes('@')}
        done={done}
        onSubmit={submit}
      >
        <Field
          name="new-email"
          label="New address"
          value={email}
          autoComplete="email"
          inputMode="email"
          hint="It takes effect when you open the link in the mail."
          onInput={value => setEmail(value.trim())}
        />
      </SectionForm>
      {(me.email ?? me.pending_email) !== undefined && (
        <SectionForm
          title="Remove the address"
          text="Without it, you can’t reset a forgotten password."
          button="Remove the address"
          action={remove}
          isDangerous
          onSubmit={() => void remove.run(() => account.removeEmail()).then(isDone => isDone && onChange())}
        />
      )}
    </>
  )
}

const Current = ({ email, email_is_verified: isVerified, pending_email: pending }: SectionProps['me']) => (
  <>
    {email === undefined ? 'You have no verified address.' : <strong>{email}</strong>}
    {email !== undefined && !isVerified && ' (not verified yet)'}
    {pending !== undefined && (
      <>
        {' '}
        <strong>{pending}</strong> waits for its verification.
      </>
    )}
  </>
)
