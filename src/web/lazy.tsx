/** Loads a component when it is shown for the first time, so that the page itself stays small. */
import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/**
 * Returns a component that renders nothing until it has been loaded for the first time. If it can't be loaded, renders a
 * message. If the property `onClose` is given, the message has a Close button, so that the user can open the component again.
 * The message also offers to reload the page, because after a deployment the service no longer has the files of an older page.
 * The page does not reload by itself, because a reload ends a session that is kept in memory.
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
          <button type="button" onClick={() => location.reload()}>
            Reload
          </button>{' '}
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
