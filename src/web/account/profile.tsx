/** Renders the profile: the username and the display name. */
import { useState } from 'preact/hooks'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { fullDate } from '../times.ts'
import type { SectionProps } from './account.tsx'
import { SectionForm } from './section.tsx'

export const ProfileSection = ({ account, me, onChange }: SectionProps) => {
  const [name, setName] = useState(me.display_name ?? '')
  const [done, setDone] = useState<string>()
  const action = useAction()
  const submit = (): void =>
    void action.run(async () => {
      setDone(undefined)
      await account.setDisplayName(name.trim() || null)
      setDone(name.trim() === '' ? 'Your display name is removed.' : 'Your display name is saved.')
      onChange()
    })
  return (
    <SectionForm
      title="Profile"
      text={
        <>
          You log in as <strong>{me.username}</strong>, since {fullDate(Date.parse(me.created_at))}.
        </>
      }
      button="Save"
      action={action}
      isComplete={name.trim() !== (me.display_name ?? '')}
      done={done}
      onSubmit={submit}
    >
      <Field
        name="display-name"
        label="Display name"
        value={name}
        hint="Only administrators see this name. Leave it empty to remove it."
        onInput={setName}
      />
    </SectionForm>
  )
}
