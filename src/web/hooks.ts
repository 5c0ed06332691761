/** Provides the hooks that the components share. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ChatApiError } from '../../client/src/index.ts'
import { isEscape } from './keys.ts'

/**
 * Returns the result of `read`, and renders the component again when the result changes. `subscribe` receives a function that
 * must be called each time that the result may have changed. Uses only the arguments of the first call.
 */
export const useStore = <T>(subscribe: (changed: () => void) => () => void, read: () => T): T => {
  const [value, setValue] = useState<T>(read)
  useEffect(() => {
    const update = () => setValue(() => read())
    update()
    return subscribe(update)
  }, [])
  return value
}

/**
 * Returns the name of the current room from the fragment of the URL (after the `#`). The name is in the URL so that links, the
 * browser's history and reloads work.
 */
export const useHash = (): string => useStore(changed => listen(window, 'hashchange', changed), readHash)

const readHash = (): string => {
  try {
    return decodeURIComponent(location.hash.slice(1))
  } catch {
    return ''
  }
}

/** Adds an event listener. Returns a function that removes it. */
export const listen = (target: EventTarget, event: string, listener: (event: Event) => void): (() => void) => {
  target.addEventListener(event, listener)
  return () => target.removeEventListener(event, listener)
}

/** Calls `listener` each time that Escape is pressed while the component is mounted. */
export const useEscape = (listener: () => unknown): void => {
  useEffect(() => listen(document, 'keydown', event => isEscape(event as KeyboardEvent) && listener()), [])
}

/** Returns whether the device has only a touch screen. Not cached, because a keyboard with a trackpad may be attached later. */
export const isTouch = (): boolean => matchMedia('(hover: none) and (pointer: coarse)').matches

/** An action that calls the service, such as submitting a form. */
export interface Action {
  readonly isBusy: boolean
  /** The error of the last run. */
  readonly error: ChatApiError | undefined
  /**
   * Runs `work`, unless an earlier run is in progress. Resolves with whether `work` ran and succeeded. If `work` rejects with a
   * ChatApiError, stores it in `error`. Rejects with any other error.
   */
  run(work: () => Promise<unknown>): Promise<boolean>
  reset(): void
}

export const useAction = (): Action => {
  const [isBusy, setBusy] = useState(false)
  // A ref, because a handler may call the `run` of an earlier render, whose `isBusy` is out of date.
  const isRunning = useRef(false)
  const [error, setError] = useState<ChatApiError>()
  return {
    isBusy,
    error,
    async run(work) {
      if (isRunning.current) return false
      isRunning.current = true
      setBusy(true)
      setError(undefined)
      try {
        await work()
        return true
      } catch (cause) {
        if (!(cause instanceof ChatApiError)) throw cause
        setError(cause)
        return false
      } finally {
        isRunning.current = false
        setBusy(false)
      }
    },
    reset: () => setError(undefined)
  }
}

/** Calls `load` once, and returns its result. Returns undefined until `load` has resolved, and if it rejects. */
export const useLoaded = <T>(load: () => Promise<T>): T | undefined => {
  const [value, setValue] = useState<T>()
  useEffect(() => {
    load().then(
      result => setValue(() => result),
      () => {}
    )
  }, [])
  return value
}
