/** Asks for the password or a passkey if the service refuses a call with `proof_required`. Then repeats the call. */
import { useState } from 'preact/hooks'
import { type AccountApi, ChatApiError, type Factors } from '../../client/src/index.ts'
import { Dialog } from './dialog.tsx'
import { Field } from './field.tsx'
import { type Action, useAction } from './hooks.ts'
import { askPasskey } from './passkey.ts'

/** Runs a call, and repeats it after a proof if the service requires one. */
export type WithProof = <Result>(call: () => Promise<Result>) => Promise<Result>

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: ChatApiError) => void
}

/** Returns the function that runs a call, and the dialog to render. */
export const useProof = (account: AccountApi, factors: Factors | undefined) => {
  const [waiting, setWaiting] = useState<Waiting>()
  const withProof: WithProof = async call => {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof ChatApiError) || error.code !== 'proof_required') throw error
    }
    await new Promise<void>((resolve, reject) => setWaiting({ resolve, reject })).finally(() => setWaiting(undefined))
    return call()
  }
  const dialog = waiting && <ProofDialog account={account} factors={factors} waiting={waiting} />
  return { withProof, dialog }
}

/** Returns an action whose calls are repeated after a proof. */
export const useProtectedAction = (withProof: WithProof): Action => {
  const action = useAction()
  return { ...action, run: work => action.run(() => withProof(work)) }
}

interface ProofDialogProps {
  readonly account: AccountApi
  readonly factors: Factors | undefined
  readonly waiting: Waiting
}

const ProofDialog = ({ account, factors, waiting }: ProofDialogProps) => {
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const action = useAction()
  const needsCode = factors?.totp.is_enabled || action.error?.code === 'second_factor_required'

  const prove = async (): Promise<void> => {
    await account.prove(password, code.trim() || undefined)
    waiting.resolve()
  }
  const submitPasskey = (): void =>
    void action.run(async () => {
      const { challenge, options } = await account.passkeyProofOptions()
      await account.proveWithPasskey({ challenge, response: await askPasskey(options) })
      waiting.resolve()
    })
  const cancel = (): void =>
    waiting.reject(
      new ChatApiError({ status: 0, code: 'no_proof', detail: 'You have not confirmed. Nothing was changed.' })
    )

  return (
    <Dialog
      title="Confirm that it’s you"
      button="Confirm"
      isDisabled={password === ''}
      work={prove}
      action={action}
      onClose={cancel}
      buttons={
        factors &&
        factors.passkeys.items.length > 0 && (
          <button type="button" class="plain" onClick={submitPasskey}>
            Use a passkey
          </button>
        )
      }
    >
      <Field
        name="proof-password"
        label="Your password"
        value={password}
        autoComplete="current-password"
        isSecret
        onInput={setPassword}
      />
      {needsCode && (
        <Field
          name="proof-code"
          label="Code of your app, or a recovery code"
          value={code}
          autoComplete="one-time-code"
          onInput={setCode}
        />
      )}
    </Dialog>
  )
}
