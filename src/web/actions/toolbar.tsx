/**
 * Renders the toolbar of a message: react, reply and the menu. The toolbar is one tab stop. The left and right arrow keys move
 * the focus between its buttons (the WAI-ARIA pattern "Toolbar"). On a touch screen, it contains only the menu button.
 */
import { useRef, useState } from 'preact/hooks'
import { More } from '../icons.tsx'
import { moveFocus } from '../item-focus.ts'
import { Reply, Smile } from './icons.ts'
import type { Permissions } from './message-actions.ts'

interface ToolbarProps {
  readonly may: Permissions
  readonly isTouch: boolean
  /** Whether the keyboard can reach the toolbar. */
  readonly isActive: boolean
  readonly open: 'menu' | 'picker' | undefined
  readonly onReply: () => void
  /** Opens a popup next to a button. */
  readonly onOpen: (popup: 'menu' | 'picker', anchor: HTMLElement) => void
}

export const Toolbar = ({ may, isTouch, isActive, open, onReply, onOpen }: ToolbarProps) => {
  const box = useRef<HTMLDivElement>(null)
  const [current, setCurrent] = useState('menu')
  const button = (name: string) => ({
    type: 'button' as const,
    'data-item': name,
    tabIndex: isActive && (isTouch || name === current) ? 0 : -1,
    onFocus: () => setCurrent(name)
  })
  const menu = (
    <button
      {...button('menu')}
      aria-label="Actions"
      aria-haspopup="menu"
      aria-expanded={open === 'menu'}
      onClick={event => onOpen('menu', event.currentTarget)}
    >
      <More />
    </button>
  )
  if (isTouch) return <div class="touch-menu">{menu}</div>
  return (
    <div
      ref={box}
      class="toolbar"
      role="toolbar"
      aria-label="Actions"
      onKeyDown={event => box.current && moveFocus(event, box.current, { ArrowRight: 1, ArrowLeft: -1 })}
    >
      {may.react && (
        <button
          {...button('react')}
          aria-label="React"
          aria-haspopup="dialog"
          aria-expanded={open === 'picker'}
          onClick={event => onOpen('picker', event.currentTarget)}
        >
          <Smile />
        </button>
      )}
      {may.reply && (
        <button {...button('reply')} aria-label="Reply" onClick={onReply}>
          <Reply />
        </button>
      )}
      {menu}
    </div>
  )
}
