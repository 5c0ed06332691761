/** Interprets key presses. Takes input methods (Chinese, Japanese, Korean, dead keys) and phones into account. */

/** The properties of a `KeyboardEvent` that this file reads. */
interface KeyPress {
  readonly key: string
  readonly keyCode: number
  readonly isComposing: boolean
  readonly shiftKey: boolean
  readonly ctrlKey: boolean
  readonly metaKey: boolean
}

/**
 * Returns whether an input method handles the key. When Enter ends a composition in Safari, `isComposing` is already false,
 * because `compositionend` fires before the `keydown`. The key code 229 still identifies such a key (UI Events, "keyCode").
 */
export const isOfInputMethod = (event: KeyPress): boolean => event.isComposing || event.keyCode === 229

/**
 * Returns whether the key press sends the message. On a phone (`isTouch`), Enter starts a new line unless Ctrl or Cmd is held.
 */
export const isSendKey = (event: KeyPress, isTouch: boolean): boolean => {
  if (event.key !== 'Enter' || isOfInputMethod(event)) return false
  return event.ctrlKey || event.metaKey || !(event.shiftKey || isTouch)
}

export const isEscape = (event: KeyPress): boolean => event.key === 'Escape' && !isOfInputMethod(event)
