/** Renders the export of the user's data and the deletion of the account. */
import { useState } from 'preact/hooks'
import { CheckBox } from '../check-box.tsx'
import { download } from '../download.ts'
import { Field } from '../field.tsx'
import { useProtectedAction } from '../proof.tsx'
import type { AccountProps, SectionProps } from './account.tsx'
import { SectionForm } from './section.tsx'

export const DataSection = ({ account, me, withProof, onEnded }: SectionProps & Pick<AccountProps, 'onEnded'>) => {
  const [name, setName] = useState('')
  const [shouldErase, setErase] = useState(false)
  const exporting = useProtectedAction(withProof)
  const deleting = useProtectedAction(withProof)
  const save = async (): Promise<void> =>
    download(`${me.username}.ndjson`, await account.exportData(), 'application/x-ndjson')
  return (
    <>
      <SectionForm
        title="Download your data"
        text="Your account and all your messages, as lines of JSON, once an hour."
        button="Download"
        action={exporting}
        onSubmit={() => void exporting.run(save)}
      />
      <SectionForm
        title="Delete your account"
        text="Nobody can restore the account."
        button="Delete the account"
        action={deleting}
        isComplete={name.toLowerCase() === me.username.toLowerCase()}
        isDangerous
        onSubmit={() =>
          void deleting
            .run(() => account.deleteAccount(shouldErase ? true : undefined))
            .then(isDone => isDone && onEnded())
        }
      >
        <CheckBox
          name="erase"
          label="Also erase the texts of all my messages"
          isChecked={shouldErase}
          onChange={setErase}
        />
        <Field
          name="confirm-name"
          label="Enter your username to confirm"
          value={name}
          onInput={value => setName(value.trim())}
        />
      </SectionForm>
    </>
  )
}
