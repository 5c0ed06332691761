/** Renders the set-up of an authenticator app: the secret as a QR code and as text, and the field for the first code. */
import { useState } from 'preact/hooks'
import type { TotpSecret } from '../../../client/src/index.ts'
import { Field } from '../field.tsx'
import { useProtectedAction } from '../proof.tsx'
import type { FactorSetUpProps } from './factors.tsx'
import { QrCode } from './qr-code.tsx'
import { SectionForm } from './section.tsx'

export const TotpSetUp = ({ account, withProof, onCodes }: FactorSetUpProps) => {
  const [secret, setSecret] = useState<TotpSecret>()
  const [code, setCode] = useState('')
  const action = useProtectedAction(withProof)
  if (!secret) {
    return (
      <SectionForm
        title="Authenticator app"
        text="Off. With an app, a login needs your password and a code of the app."
        button="Set up an app"
        action={action}
        onSubmit={() => void action.run(async () => setSecret(await account.startTotp()))}
      />
    )
  }
  return (
    <SectionForm
      title="Set up your authenticator app"
      text="Scan the code with the app, or enter the key."
      button="Turn on"
      action={action}
      isComplete={code.trim().length >= 6}
      onSubmit={() => void action.run(async () => onCodes((await account.confirmTotp(code.trim())).recovery_codes))}
    >
      <QrCode text={secret.uri} label="The key as a QR code" />
      <p class="hint">
        Key: <code>{secret.secret.match(/.{1,4}/g)?.join(' ')}</code> <a href={secret.uri}>Open the app</a>
      </p>
      <Field
        name="totp-code"
        label="Code that the app shows"
        value={code}
        autoComplete="one-time-code"
        onInput={setCode}
      />
    </SectionForm>
  )
}
