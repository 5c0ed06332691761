/** Hooks that the components share. */
import { useEffect, useState } from 'preact/hooks'
import { isEscape } from './keys.ts'

/** What `read` says now, and again each time that `subscribe` calls back; both must stay the same while mounted. */
export const useStore = <T>(subscribe: (changed: () => void) => () => void, read: () => T): T => {
  const [value, setValue] = useState<T>(read)
  useEffect(() => {
    const update = () => setValue(() => read())
    update()
    return subscribe(update)
  }, [])
  return value
}

/** The room named behind the `#` of the address, and a way to another: links, history and reloads work by themselves. */
export const useHash = (): string => {
  const [hash, setHash] = useState(readHash)
  useEffect(() => listen(window, 'hashchange', () => setHash(readHash())), [])
  return hash
}

const readHash = (): string => {
  try {
    return decodeURIComponent(location.hash.slice(1))
  } catch {
    return ''
  }
}

/** Calls `listener` until the returned function is called. */
export const listen = (target: EventTarget, event: string, listener: (event: Event) => void): (() => void) => {
  target.addEventListener(event, listener)
  return () => target.removeEventListener(event, listener)
}

/** Calls `listener` at each Escape while mounted. */
export const useEscape = (listener: () => void): void => {
  useEffect(() => listen(document, 'keydown', event => isEscape(event as KeyboardEvent) && listener()), [])
}

/** Whether there is only a touch screen. Asked at each key press: a keyboard with a trackpad may be attached. */
export const isTouch = (): boolean => matchMedia('(hover: none) and (pointer: coarse)').matches
