/** Renders a small dialog: a form with a heading, an error, a button that closes it and a button that submits it. */
import type { ComponentChildren, RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Action } from './hooks.ts'
import { Refusal } from './refusal.tsx'

interface DialogProps {
  readonly title: string
  readonly action: Action
  /** The label of the button that submits the form. Without it, the dialog can only be closed. */
  readonly button?: string | false | undefined
  readonly isDangerous?: boolean
  /** Whether the button can't be used now. */
  readonly isDisabled?: boolean
  /** A reference to the dialog element, for a component that sets the focus itself. */
  readonly box?: RefObject<HTMLDialogElement>
  /** Runs when the form is submitted. */
  readonly work?: () => Promise<unknown>
  readonly onClose: () => void
  /** Additional buttons, shown before the standard ones. */
  readonly buttons?: ComponentChildren
  readonly children: ComponentChildren
}

/** Opens a modal dialog in a layout effect, so that the dialog receives the next key press, and not the page behind it. */
export const useModal = (given?: RefObject<HTMLDialogElement>): RefObject<HTMLDialogElement> => {
  const own = useRef<HTMLDialogElement>(null)
  const dialog = given ?? own
  useLayoutEffect(() => dialog.current?.showModal(), [])
  return dialog
}

export const Dialog = (props: DialogProps) => {
  const { title, action, button, isDangerous, isDisabled, work, buttons, children } = props
  const dialog = useModal(props.box)
  const hasButton = !!button
  // If the submit button was removed, sets the focus to another button, because the removed button may have had the focus.
  useLayoutEffect(() => {
    if (!hasButton) dialog.current?.querySelector<HTMLElement>('.buttons button')?.focus()
  }, [hasButton])
  return (
    <dialog ref={dialog} class="card" onClose={props.onClose} aria-labelledby="dialog-title">
      <form
        noValidate
        onSubmit={event => {
          event.preventDefault()
          if (button && work && !isDisabled) void action.run(work)
        }}
      >
        <h2 id="dialog-title">{title}</h2>
        {children}
        <Refusal error={action.error} />
        <div class="buttons">
          {buttons}
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>
            {button ? 'Cancel' : 'Close'}
          </button>
          {button && (
            // Not disabled while the action runs, because a disabled button would lose the focus. `run` ignores a second press.
            <button
              type="submit"
              class={isDangerous ? 'danger' : 'primary'}
              disabled={isDisabled}
              aria-disabled={action.isBusy}
            >
              {button}
            </button>
          )}
        </div>
      </form>
    </dialog>
  )
}
