/** Renders the second step of a login: a code of an authenticator app, a recovery code, or a passkey. */
import { useState } from 'preact/hooks'
import type { ChatApiError, Session } from '../../../client/src/index.ts'
import { accountOf } from '../account-api.ts'
import { Field } from '../field.tsx'
import { useAction } from '../hooks.ts'
import { askPasskey, hasPasskeys } from '../passkey.ts'
import type { PageSession } from '../session.ts'
import { Card } from './card.tsx'

interface SecondFactorProps {
  readonly page: PageSession
  /** The error `second_factor_required`, with the challenge and the possible methods. */
  readonly refusal: ChatApiError
  readonly shouldRemember: boolean
  readonly onLogIn: (work: (session: Session) => Promise<void>) => Promise<void>
  readonly onCancel: () => void
}

export const SecondFactor = ({ page, refusal, shouldRemember, onLogIn, onCancel }: SecondFactorProps) => {
  const { challenge = '', methods } = refusal
  const [isRecovery, setRecovery] = useState(!methods.includes('totp') && methods.includes('recovery_code'))
  const [code, setCode] = useState('')
  const action = useAction()
  const hasCode = isRecovery || methods.includes('totp')
  const hasPasskey = methods.includes('passkey') && hasPasskeys()

  const submit = (): void =>
    void action.run(() => onLogIn(session => session.logInWithCode({ challenge, code: code.trim() })))
  const submitPasskey = (): void =>
    void action.run(async () => {
      const ceremony = await accountOf(page.session).passkeyLoginOptions(challenge)
      const response = await askPasskey(ceremony.options)
      await onLogIn(session => session.logInWithPasskey({ challenge: ceremony.challenge, response, shouldRemember }))
    })
  const change = (): void => {
    setRecovery(!isRecovery)
    setCode('')
    action.reset()
  }

  return (
    <Card
      title="Second step"
      lead={leadOf(isRecovery, hasCode)}
      {...(hasCode ? { button: 'Continue' } : {})}
      action={action}
      isComplete={code.trim() !== ''}
      onSubmit={submit}
      after={
        <>
          {hasPasskey && (
            <button type="button" class="plain" onClick={submitPasskey}>
              Use a passkey
            </button>
          )}
          {methods.includes('recovery_code') && methods.includes('totp') && (
            <button type="button" class="plain" onClick={change}>
              {isRecovery ? 'Use the app' : 'Use a recovery code'}
            </button>
          )}
          <button type="button" class="plain" onClick={onCancel}>
            Back
          </button>
        </>
      }
    >
      {hasCode && (
        <Field
          key={isRecovery}
          name="code"
          label={isRecovery ? 'Recovery code' : 'Code'}
          value={code}
          autoComplete="one-time-code"
          onInput={setCode}
        />
      )}
    </Card>
  )
}

const leadOf = (isRecovery: boolean, hasCode: boolean): string => {
  if (!hasCode) return 'Confirm that it’s you with your passkey.'
  return isRecovery
    ? 'Enter one of your recovery codes. Each works once.'
    : 'Enter the six digits that your authenticator app shows.'
}
