/** Shows why the service has refused an action. Screen readers announce the text when it appears. */
import type { ChatApiError } from '../../client/src/index.ts'

export const Refusal = ({ error }: { readonly error: ChatApiError | undefined }) => (
  <div role="alert">
    {error && (
      <p class="refusal" dir="auto">
        {errorTextOf(error)}
      </p>
    )}
  </div>
)

/** Returns the message of each violated rule, or the error's detail. */
const errorTextOf = ({ detail, errors }: ChatApiError): string =>
  errors.length === 0 ? detail : errors.map(({ message }) => message).join(' ')
