/** Shows why the service refused a message or a change, with buttons to retry it, to edit a text again and to discard it. */
import type { Outgoing, OutgoingChange } from '../../client/src/index.ts'
import type { MessageActions } from './actions/message-actions.ts'

const FAILURES = {
  message: 'Not sent.',
  edit: 'Not edited.',
  delete: 'Not deleted.',
  react: 'Reaction not saved.',
  pin: 'Pin not saved.'
}

interface FailureProps {
  readonly change: Outgoing | OutgoingChange
  readonly actions: MessageActions
  /** Whether the text of an edit can be edited again. */
  readonly canEdit?: boolean
}

export const Failure = ({ change, actions, canEdit = false }: FailureProps) => (
  <p class="failure">
    <span role="alert">
      {FAILURES[change.type]} <bdi>{change.error?.detail}</bdi>
    </span>
    <button type="button" onClick={() => actions.retry(change.nonce)}>
      Try again
    </button>
    {canEdit && isEdit(change) && (
      <button type="button" onClick={() => actions.editAgain(change)}>
        Edit again
      </button>
    )}
    <button type="button" onClick={() => actions.discard(change.nonce)}>
      Discard
    </button>
  </p>
)

const isEdit = (change: Outgoing): change is OutgoingChange => change.type === 'edit' && change.target !== undefined
