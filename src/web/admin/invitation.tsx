/** Renders the form that creates an invitation, and the link of the created invitation. */
import { useState } from 'preact/hooks'
import { SectionForm } from '../account/section.tsx'
import { useProtectedAction } from '../proof.tsx'
import { fullTime } from '../times.ts'
import type { AdminSectionProps } from './users.tsx'

export const InvitationSection = ({ admin, withProof }: AdminSectionProps) => {
  const [link, setLink] = useState<{ readonly url: string; readonly expiresAt: string }>()
  const [isCopied, setCopied] = useState(false)
  const action = useProtectedAction(withProof)
  const create = (): void =>
    void action.run(async () => {
      const { invitation, expires_at } = await admin.invite()
      setCopied(false)
      setLink({ url: `${location.origin}${location.pathname}#invitation=${invitation}`, expiresAt: expires_at })
    })
  const copy = (): void => void navigator.clipboard?.writeText(link?.url ?? '').then(() => setCopied(true))
  return (
    <SectionForm
      title="Invite somebody"
      text="Creates a link with which one person can register."
      button="Create a link"
      action={action}
      onSubmit={create}
    >
      {link && (
        <div class="note" role="status">
          <code>{link.url}</code>
          <p>
            Valid until {fullTime(Date.parse(link.expiresAt))}.{' '}
            <button type="button" onClick={copy}>
              {isCopied ? 'Copied' : 'Copy'}
            </button>
          </p>
        </div>
      )}
    </SectionForm>
  )
}
