/** Shows why the service has refused a message or a change of a message, with buttons to try again and to discard it. */
import type { Outgoing } from '../../client/src/index.ts'
import type { MessageActions } from './actions/message-actions.ts'

const FAILURES = { message: 'Not sent.', edit: 'Not edited.', delete: 'Not deleted.', react: 'Reaction not saved.' }

export const Failure = ({ change, actions }: { readonly change: Outgoing; readonly actions: MessageActions }) => (
  <p class="failure">
    <span role="alert">
      {FAILURES[change.type]} <bdi>{change.error?.detail}</bdi>
    </span>
    <button type="button" onClick={() => actions.retry(change.nonce)}>
      Try again
    </button>
    <button type="button" onClick={() => actions.discard(change.nonce)}>
      Discard
    </button>
  </p>
)
