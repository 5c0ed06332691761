/** Renders a form of the account dialog, with its heading, its error and its button. */
import type { ComponentChildren } from 'preact'
import type { Action } from '../hooks.ts'
import { Refusal } from '../refusal.tsx'

interface SectionFormProps {
  readonly title: string
  readonly text?: ComponentChildren
  readonly button: string
  readonly action: Action
  readonly isComplete?: boolean
  /** Whether the button is red, because the action removes or ends something. */
  readonly isDangerous?: boolean
  /** A sentence about the result of the last submit. */
  readonly done?: string | undefined
  readonly onSubmit: () => void
  readonly children?: ComponentChildren
}

export const SectionForm = (props: SectionFormProps) => {
  const { title, text, button, action, isComplete = true, isDangerous, done, onSubmit, children } = props
  return (
    <form
      class="section-form"
      noValidate
      onSubmit={event => {
        event.preventDefault()
        if (isComplete) onSubmit()
      }}
    >
      <h3>{title}</h3>
      {text && <p class="hint">{text}</p>}
      {children}
      <Refusal error={action.error} />
      <div role="status">{done && !action.error && <p class="success">{done}</p>}</div>
      <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={action.isBusy || !isComplete}>
        {action.isBusy ? 'Please wait…' : button}
      </button>
    </form>
  )
}
