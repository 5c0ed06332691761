/** Renders the user's passkeys, and buttons to add and remove them. */
import { useState } from 'preact/hooks'
import { Field } from '../field.tsx'
import { createPasskey } from '../passkey.ts'
import { useProtectedAction } from '../proof.tsx'
import { Refusal } from '../refusal.tsx'
import { fullDate } from '../times.ts'
import type { FactorSetUpProps } from './factors.tsx'
import { SectionForm } from './section.tsx'

export const Passkeys = ({ account, factors, withProof, onChange, onCodes }: FactorSetUpProps) => {
  const [name, setName] = useState('')
  const adding = useProtectedAction(withProof)
  const removing = useProtectedAction(withProof)
  const add = (): void =>
    void adding.run(async () => {
      const { challenge, options } = await account.passkeyOptions()
      const response = await createPasskey(options)
      const { recovery_codes: codes } = await account.addPasskey({ challenge, name: name.trim(), response })
      setName('')
      if (codes) onCodes(codes)
      else onChange()
    })
  const remove = (id: string): void =>
    void removing.run(() => account.removePasskey(id)).then(isDone => isDone && onChange())
  return (
    <SectionForm
      title="Passkeys"
      text="Log in with the lock of your device or a security key."
      button="Add a passkey"
      action={adding}
      isComplete={name.trim() !== ''}
      onSubmit={add}
    >
      <Refusal error={removing.error} />
      <ul class="entries">
        {factors.passkeys.items.map(passkey => (
          <li key={passkey.id}>
            <div>
              <strong dir="auto">{passkey.name}</strong>
              <p class="hint">
                added {fullDate(Date.parse(passkey.created_at))}
                {passkey.last_used_at && `, last used ${fullDate(Date.parse(passkey.last_used_at))}`}
              </p>
              {!passkey.is_usable && <p class="note">This passkey works only at another address of the service.</p>}
            </div>
            <button
              type="button"
              class="plain"
              disabled={removing.isBusy}
              onClick={() => remove(passkey.id)}
              aria-label={`Remove the passkey ${passkey.name}`}
            >
              Remove
            </button>
          </li>
        ))}
      </ul>
      <Field
        name="passkey-name"
        label="Name of the new passkey"
        value={name}
        hint="For example: My phone"
        onInput={setName}
      />
    </SectionForm>
  )
}
