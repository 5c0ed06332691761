/** Loads a part of the page when it is shown for the first time, so that the page itself stays small. */
import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** Returns a component that renders nothing until the part has been loaded for the first time, and a message if it can't be loaded. */
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
      return (
        <p class="refusal toast" role="alert">
          This part of the page can’t be loaded. Check the connection, then reload the page.
        </p>
      )
    }
    return Part ? <Part {...props} /> : null
  }
}
