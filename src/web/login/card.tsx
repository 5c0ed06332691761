/** Renders the card of one step of a login: a form with a heading, the error of the service, and a button. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Action } from '../hooks.ts'
import { Logo } from '../icons.tsx'
import { Refusal } from '../refusal.tsx'

interface CardProps {
  readonly title: string
  readonly lead: string
  /** The label of the button. Without it, the card has no form. */
  readonly button?: string
  readonly action: Action
  readonly isComplete?: boolean
  /** Returns the selector of the field to focus. Called when the card is first shown and when the error changes. */
  readonly focus?: (error: Action['error']) => string
  readonly onSubmit?: () => void
  readonly children?: ComponentChildren
  /** Links below the button. */
  readonly after?: ComponentChildren
}

const firstField = (): string => 'input'

export const Card = (props: CardProps) => {
  const { title, lead, button, action, isComplete = true, focus = firstField, onSubmit, children, after } = props
  const form = useRef<HTMLFormElement>(null)
  useLayoutEffect(() => {
    form.current?.querySelector<HTMLElement>(focus(action.error))?.focus()
  }, [action.error])
  return (
    <main class="login">
      <form
        ref={form}
        class="card"
        noValidate
        aria-labelledby="login-title"
        onSubmit={event => {
          event.preventDefault()
          if (isComplete) onSubmit?.()
        }}
      >
        <Logo />
        <h1 id="login-title">{title}</h1>
        <p class="lead">{lead}</p>
        {children}
        <Refusal error={action.error} />
        {button && (
          <button class="primary" type="submit" disabled={action.isBusy || !isComplete}>
            {action.isBusy ? 'Please wait…' : button}
          </button>
        )}
        {after && <div class="after">{after}</div>}
      </form>
    </main>
  )
}
