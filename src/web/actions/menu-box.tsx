/** Renders a menu (the WAI-ARIA pattern "Menu") and its items. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { moveFocus, moveFocusByLetter } from '../item-focus.ts'
import { Popup } from './popup.tsx'

interface MenuBoxProps {
  readonly anchor: HTMLElement
  /** Called to close the menu and to return the focus to the element that the menu belongs to. */
  readonly onDone: () => void
  readonly onClose: () => void
  readonly children: ComponentChildren
}

const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }

export const MenuBox = ({ anchor, onDone, onClose, children }: MenuBoxProps) => {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => box.current?.querySelector<HTMLElement>('[data-item]')?.focus(), [])
  return (
    <Popup
      box={box}
      anchor={anchor}
      role="menu"
      label="Actions"
      class="menu"
      onClose={onClose}
      onKeyDown={event => {
        if (!box.current) return
        if (event.key === 'Tab') {
          event.preventDefault()
          onDone()
        } else if (!moveFocus(event, box.current, STEPS)) moveFocusByLetter(event, box.current)
      }}
    >
      {children}
    </Popup>
  )
}

interface MenuItemProps {
  readonly class?: string
  readonly onChoose: () => void
  readonly children: ComponentChildren
}

export const MenuItem = ({ class: name, onChoose, children }: MenuItemProps) => (
  <button type="button" role="menuitem" tabIndex={-1} data-item class={name} onClick={onChoose}>
    {children}
  </button>
)
