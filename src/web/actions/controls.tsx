/**
 * Renders the toolbar of a message, its menu and its emoji picker. The emojis are loaded when the picker is first opened.
 */
import type { Message } from '../../../client/src/index.ts'
import { lazy } from '../lazy.tsx'
import { MessageMenu } from './menu.tsx'
import type { MessageActions, Permissions } from './message-actions.ts'
import { pickerOf } from './picker.tsx'
import { Toolbar } from './toolbar.tsx'

const EmojiPicker = lazy(async () => pickerOf((await import('./emojis.ts')).searchEmojis))

export interface OpenPopup {
  readonly name: 'menu' | 'picker'
  /** The control that opened the popup. */
  readonly anchor: HTMLElement
}

interface ControlsProps {
  readonly message: Message
  readonly may: Permissions
  readonly actions: MessageActions
  readonly popup: OpenPopup | undefined
  readonly isTouch: boolean
  /** Whether the keyboard can reach the toolbar. */
  readonly isActive: boolean
  readonly onPopup: (popup: OpenPopup | undefined) => void
  /**
   * Moves the focus to the message. Called before a popup closes, if the user has chosen an item or pressed Tab in the menu.
   */
  readonly onDone: () => void
}

export const Controls = ({ message, may, actions, popup, isTouch, isActive, onPopup, onDone }: ControlsProps) => {
  const onClose = () => onPopup(undefined)
  const done = (): void => {
    onDone()
    onClose()
  }
  return (
    <>
      <Toolbar
        {...{ may, isTouch, isActive }}
        open={popup?.name}
        onReply={() => actions.reply(message)}
        onOpen={(name, anchor) => onPopup({ name, anchor })}
      />
      {popup?.name === 'menu' && (
        <MessageMenu
          {...{ message, may, actions, onClose }}
          anchor={popup.anchor}
          onDone={done}
          onPicker={() => onPopup({ name: 'picker', anchor: popup.anchor })}
        />
      )}
      {popup?.name === 'picker' && may.react && (
        <EmojiPicker {...{ message, actions, onClose }} anchor={popup.anchor} onDone={done} />
      )}
    </>
  )
}
