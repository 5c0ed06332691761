/**
 * Renders a menu or a small dialog above the page, next to the control that opened it. A click elsewhere and Escape close it;
 * Escape returns the focus to the control.
 */
import type { ComponentChildren, RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'
import { isEscape } from '../keys.ts'

interface PopupProps {
  readonly box: RefObject<HTMLDivElement>
  readonly anchor: HTMLElement
  readonly role: 'menu' | 'dialog'
  readonly label: string
  readonly class: string
  readonly onClose: () => void
  readonly onKeyDown?: (event: KeyboardEvent) => void
  readonly children: ComponentChildren
}

/** Minimum distance in pixels from the edges of the window. */
const MARGIN = 8

export const Popup = ({ box, anchor, role, label, class: name, onClose, onKeyDown, children }: PopupProps) => {
  useLayoutEffect(() => {
    if (!box.current) return
    box.current.showPopover()
    place(box.current, anchor)
  }, [])
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the role is a menu or a dialog.
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: as above.
    <div
      ref={box}
      popover="auto"
      role={role}
      aria-label={label}
      class={`popup ${name}`}
      // Preact's types lack the type of popover events.
      onToggle={event => (event as unknown as ToggleEvent).newState === 'closed' && onClose()}
      onKeyDown={event => {
        // The popup handles the key. Stops the event, so that the list of messages and the page don't handle the key too.
        event.stopPropagation()
        if (isEscape(event)) {
          event.preventDefault()
          anchor.focus()
          onClose()
        } else onKeyDown?.(event)
      }}
    >
      {children}
    </div>
  )
}

/**
 * Places the popup below the anchor. If it doesn't fit there and there is more space above, places it above. Keeps it inside
 * the window.
 */
export const place = (popup: HTMLElement, anchor: HTMLElement): void => {
  const { top, bottom, left, right } = anchor.getBoundingClientRect()
  const { offsetWidth: width, offsetHeight: height } = popup
  const isBelow = bottom + height + MARGIN <= innerHeight || innerHeight - bottom > top
  const y = isBelow ? Math.min(bottom + 4, innerHeight - height - MARGIN) : top - height - 4
  // The popup extends from the anchor towards the middle of the window.
  const x = left + right < innerWidth ? left : right - width
  popup.style.top = `${Math.max(MARGIN, y)}px`
  popup.style.left = `${Math.max(MARGIN, Math.min(x, innerWidth - width - MARGIN))}px`
}
