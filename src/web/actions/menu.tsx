/** Renders the menu of a message (the WAI-ARIA pattern "Menu"): some reactions, and the actions that the user may take. */
import { type Message, reactionKeyOf } from '../../../client/src/index.ts'
import { Pin, Plus } from '../icons.tsx'
import { Block, Copy, Flag, Pencil, Reply, Trash } from './icons.ts'
import { MenuBox, MenuItem } from './menu-box.tsx'
import type { MessageActions, Permissions } from './message-actions.ts'
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

export const MessageMenu = ({ anchor, message, may, actions, onDone, onClose, onPicker }: MessageMenuProps) => {
  const { content, mine = [] } = message
  /** Closes the menu, which sets the focus to the message. Then runs the action, which may set the focus elsewhere. */
  const choose = (action: () => unknown) => () => {
    onDone()
    void action()
  }
  return (
    <MenuBox {...{ anchor, onDone, onClose }}>
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
        <MenuItem onChoose={choose(() => actions.reply(message))}>
          <Reply /> Reply
        </MenuItem>
      )}
      {may.edit && (
        <MenuItem onChoose={choose(() => actions.edit(message))}>
          <Pencil /> Edit
        </MenuItem>
      )}
      {may.pin && (
        <MenuItem onChoose={choose(() => actions.pin(message))}>
          <Pin size={18} /> {message.pinned ? 'Unpin' : 'Pin'}
        </MenuItem>
      )}
      {content !== null && isSecureContext && (
        <MenuItem onChoose={choose(() => navigator.clipboard.writeText(content).catch(() => {}))}>
          <Copy /> Copy text
        </MenuItem>
      )}
      {may.report && content !== null && (
        <MenuItem onChoose={choose(() => actions.report(message))}>
          <Flag /> Report…
        </MenuItem>
      )}
      {may.report && (
        <MenuItem onChoose={choose(() => actions.block(message))}>
          <Block /> {actions.blocked.has(message.user_id) ? 'Unblock' : 'Block'} {message.username}…
        </MenuItem>
      )}
      {may.remove && (
        <MenuItem class="bad" onChoose={choose(() => actions.remove(message))}>
          <Trash /> Delete
        </MenuItem>
      )}
    </MenuBox>
  )
}
