/** Asks for the password again when the service requires a recent proof that the user is present, then repeats the call. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type AccountApi, ChatApiError, type Factors } from '../../client/src/index.ts'
import { Field } from './field.tsx'
import { type Action, useAction } from './hooks.ts'
import { Refusal } from './refusal.tsx'

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

/** An action whose calls are repeated after a proof. */
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
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const needsCode = factors?.totp.is_enabled || action.error?.code === 'second_factor_required'

  const submit = (event: Event): void => {
    event.preventDefault()
    if (password === '') return
    void action
      .run(() => account.prove(password, code.trim() === '' ? undefined : code.trim()))
      .then(isDone => isDone && waiting.resolve())
  }
  const submitPasskey = (): void =>
    void action
      .run(async () => {
        const { askPasskey } = await import('./passkey.ts')
        const { challenge, options } = await account.passkeyProofOptions()
        await account.proveWithPasskey({ challenge, response: await askPasskey(options) })
      })
      .then(isDone => isDone && waiting.resolve())
  const cancel = (): void =>
    waiting.reject(
      new ChatApiError({ status: 0, code: 'no_proof', detail: 'You have not confirmed. Nothing was changed.' })
    )

  return (
    <dialog ref={dialog} class="card" onClose={cancel} aria-labelledby="proof-title">
      <form onSubmit={submit} noValidate>
        <h2 id="proof-title">Confirm that it’s you</h2>
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
        <Refusal error={action.error} />
        <div class="buttons">
          {factors && factors.passkeys.items.length > 0 && (
            <button type="button" class="plain" onClick={submitPasskey}>
              Use a passkey
            </button>
          )}
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={action.isBusy || password === ''}>
            Confirm
          </button>
        </div>
      </form>
    </dialog>
  )
}
