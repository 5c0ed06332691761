/** Renders the menu of a message (the WAI-ARIA pattern "Menu"): some reactions, and the actions that the user may take. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { type Message, reactionKeyOf } from '../../../client/src/index.ts'
import { Plus } from '../icons.tsx'
import { moveFocus, moveFocusByLetter } from '../item-focus.ts'
import { Copy, Pencil, Reply, Trash } from './icons.tsx'
import type { MessageActions, Permissions } from './message-actions.ts'
import { Popup } from './popup.tsx'
import { QUICK_REACTIONS } from './reaction-keys.ts'

interface MessageMenuProps {
  readonly anchor: HTMLElement
  readonly message: Message
  readonly may: Permissions
  readonly actions: MessageActions
  /** Called to close the menu and to set the focus to the message. */
  readonly onDone: () => void
  readonly onClose: () => void
  readonly onPicker: () => void
}

const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }

export const MessageMenu = ({ anchor, message, may, actions, onDone, onClose, onPicker }: MessageMenuProps) => {
  const box = useRef<HTMLDivElement>(null)
  const { content, mine = [] } = message
  useLayoutEffect(() => box.current?.querySelector<HTMLElement>('[data-item]')?.focus(), [])
  /** Closes the menu before it runs the action, because the action may set the focus. */
  const choose = (action: () => unknown) => () => {
    onDone()
    void action()
  }
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
      {may.react && (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset can't group the items of a menu.
        <div role="group" aria-label="React" class="quick">
          {QUICK_REACTIONS.map(([emoji, name]) => (
            <button
              key={emoji}
              type="button"
              role="menuitemcheckbox"
              aria-checked={mine.includes(reactionKeyOf(emoji))}
              aria-label={name}
              tabIndex={-1}
              data-item
              onClick={choose(() => actions.toggle(message, reactionKeyOf(emoji)))}
            >
              {emoji}
            </button>
          ))}
          <button type="button" role="menuitem" aria-label="More emojis" tabIndex={-1} data-item onClick={onPicker}>
            <Plus />
          </button>
        </div>
      )}
      {may.reply && (
        <Item onChoose={choose(() => actions.reply(message))}>
          <Reply /> Reply
        </Item>
      )}
      {may.edit && (
        <Item onChoose={choose(() => actions.edit(message))}>
          <Pencil /> Edit
        </Item>
      )}
      {content !== null && isSecureContext && (
        <Item onChoose={choose(() => navigator.clipboard.writeText(content).catch(() => {}))}>
          <Copy /> Copy text
        </Item>
      )}
      {may.remove && (
        <Item class="bad" onChoose={choose(() => actions.remove(message))}>
          <Trash /> Delete
        </Item>
      )}
    </Popup>
  )
}

interface ItemProps {
  readonly class?: string
  readonly onChoose: () => void
  readonly children: ComponentChildren
}

const Item = ({ class: name, onChoose, children }: ItemProps) => (
  <button type="button" role="menuitem" tabIndex={-1} data-item class={name} onClick={onChoose}>
    {children}
  </button>
)
