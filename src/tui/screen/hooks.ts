/** Provides the React hooks that the components share. */
import { useStdin, useStdout } from 'ink'
import { useEffect, useReducer, useRef, useState } from 'react'
import { type Draft, edit } from './editor.ts'
import { createKeyDecoder, type Key } from './keys.ts'

/**
 * Calls `onKey` for each key while the component is mounted. Ink's own `useInput` doesn't recognize pastes. Several keys may
 * arrive before React renders again. State that one key changes and the next key reads must therefore come from `useLive`.
 */
export const useKeys = (onKey: (key: Key) => void): void => {
  const { stdin } = useStdin()
  const latest = useRef(onKey)
  latest.current = onKey
  useEffect(() => {
    const decode = createKeyDecoder()
    const onData = (data: string | Buffer): void => {
      for (const key of decode(String(data))) latest.current(key)
    }
    stdin.on('data', onData)
    return () => {
      stdin.off('data', onData)
    }
  }, [stdin])
}

/** Returns the size of the window in cells. The component renders again when the size changes. */
export const useSize = (): { readonly columns: number; readonly rows: number } => {
  const { stdout } = useStdout()
  const [size, setSize] = useState({ columns: stdout.columns || 80, rows: stdout.rows || 24 })
  useEffect(() => {
    const onResize = (): void => setSize({ columns: stdout.columns, rows: stdout.rows })
    stdout.on('resize', onResize)
    return () => {
      stdout.off('resize', onResize)
    }
  }, [stdout])
  return size
}

/** State whose new value can be read immediately, before the next render. */
export interface Live<Value> {
  readonly current: Value
  set(value: Value): void
}

export const useLive = <Value>(first: Value): Live<Value> => {
  const [, redraw] = useReducer((count: number) => count + 1, 0)
  const live = useRef<Live<Value> & { current: Value }>(undefined)
  live.current ??= {
    current: first,
    set(value) {
      this.current = value
      redraw()
    }
  }
  return live.current
}

/** Applies a key to the draft. Returns whether the key changed the draft. */
export const applyKey = (draft: Live<Draft>, key: Key): boolean => {
  const next = edit(draft.current, key)
  const isChanged = next !== draft.current
  if (isChanged) draft.set(next)
  return isChanged
}
