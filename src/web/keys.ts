/** What a key press means, input methods (Chinese, Japanese, Korean, dead keys) and phones included. */

/** The part of a `KeyboardEvent` that is used. */
interface KeyPress {
  readonly key: string
  readonly keyCode: number
  readonly isComposing: boolean
  readonly shiftKey: boolean
  readonly ctrlKey: boolean
  readonly metaKey: boolean
}

/**
 * Whether the key belongs to an input method. Safari fires `compositionend` before the `keydown` of the Enter that ends the
 * composition, so that `isComposing` is false there: 229 is what remains to recognize it (UI Events, "keyCode").
 */
const isOfInputMethod = (event: KeyPress): boolean => event.isComposing || event.keyCode === 229

/** Whether the key sends the text. `isTouch`: on a phone Enter starts a new line, and the button sends. */
export const isSendKey = (event: KeyPress, isTouch: boolean): boolean => {
  if (event.key !== 'Enter' || isOfInputMethod(event)) return false
  return event.ctrlKey || event.metaKey || !(event.shiftKey || isTouch)
}

export const isEscape = (event: KeyPress): boolean => event.key === 'Escape' && !isOfInputMethod(event)
