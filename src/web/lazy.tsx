/** Loads a part of the page when it is shown for the first time, so that the page itself stays small. */
import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/**
 * Returns a component that renders nothing until the part has been loaded for the first time, and a message if it can't be loaded.
 * The message calls the part's `onClose`, if the part has one, so that the user can open the part again.
 */
export const lazy = <Props extends object>(load: () => Promise<FunctionComponent<Props>>): FunctionComponent<Props> => {
  let loaded: FunctionComponent<Props> | undefined
  return props => {
    const [Part, setPart] = useState(() => loaded)
    const [hasFailed, setFailed] = useState(false)
    useEffect(() => {
      if (Part) return
      load().then(
        part => {
          loaded = part
          setPart(() => part)
        },
        () => setFailed(true)
      )
    }, [])
    if (hasFailed) {
      const { onClose } = props as { readonly onClose?: () => void }
      return (
        <p class="refusal toast" role="alert">
          This part of the page can’t be loaded. Check the connection, then reload the page.{' '}
          {onClose && (
            <button type="button" onClick={() => onClose()}>
              Close
            </button>
          )}
        </p>
      )
    }
    return Part ? <Part {...props} /> : null
  }
}
