/** Renders the user's second factors: the authenticator app, the recovery codes and the passkeys. */
import { useState } from 'preact/hooks'
import type { Factors } from '../../../client/src/index.ts'
import { hasPasskeys } from '../passkey.ts'
import { useProtectedAction } from '../proof.tsx'
import type { SectionProps } from './account.tsx'
import { Passkeys } from './passkeys.tsx'
import { RecoveryCodes } from './recovery-codes.tsx'
import { SectionForm } from './section.tsx'
import { TotpSetUp } from './totp.tsx'

export interface FactorsProps extends SectionProps {
  readonly factors: Factors
}

export interface FactorSetUpProps extends FactorsProps {
  /** Called with new recovery codes, to show them. */
  readonly onCodes: (codes: readonly string[]) => void
}

export const FactorsSection = (props: FactorsProps) => {
  const { account, factors, withProof, onChange } = props
  const [codes, setCodes] = useState<readonly string[]>()
  const removing = useProtectedAction(withProof)
  const creating = useProtectedAction(withProof)
  if (codes) return <RecoveryCodes codes={codes} username={props.me.username} onDone={() => setCodes(undefined)} />
  const show = (next: readonly string[]): void => {
    setCodes(next)
    onChange()
  }
  const hasCodes = factors.totp.is_enabled || factors.passkeys.items.length > 0
  return (
    <>
      {factors.totp.is_enabled ? (
        <SectionForm
          title="Authenticator app"
          text="On: a login needs a code of your app."
          button="Remove the app"
          action={removing}
          isDangerous
          onSubmit={() => void removing.run(() => account.removeTotp()).then(isDone => isDone && onChange())}
        />
      ) : (
        <TotpSetUp {...props} onCodes={show} />
      )}
      {hasCodes && (
        <SectionForm
          title="Recovery codes"
          text={`For a login without your app or passkey. ${factors.recovery_codes.left} of 10 are left.`}
          button="Create new codes"
          action={creating}
          onSubmit={() => void creating.run(async () => show((await account.createRecoveryCodes()).recovery_codes))}
        />
      )}
      {factors.passkeys.is_available && hasPasskeys() && <Passkeys {...props} onCodes={show} />}
    </>
  )
}
