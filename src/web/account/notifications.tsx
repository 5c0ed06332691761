/** Renders the button that turns the notifications of this browser on and off. */
import { useState } from 'preact/hooks'

export interface NotificationsProps {
  readonly isNotifying: boolean
  readonly onNotifying: (isNotifying: boolean) => void
}

export const NotificationsSection = ({ isNotifying, onNotifying }: NotificationsProps) => {
  const [isDenied, setDenied] = useState(false)
  if (!('Notification' in window) || !isSecureContext) {
    return <p class="hint">This browser shows notifications only for pages that are loaded with HTTPS.</p>
  }
  const isOn = isNotifying && Notification.permission === 'granted'
  const toggle = async (): Promise<void> => {
    if (isOn) return onNotifying(false)
    const permission = await Notification.requestPermission()
    setDenied(permission !== 'granted')
    if (permission === 'granted') onNotifying(true)
  }
  return (
    <div class="section-form">
      <h3>Notifications</h3>
      <p class="hint">
        While the window does not have the focus, this browser shows a notification of each direct message and mention.
        It names the person or the room, and never contains the text of a message.
      </p>
      <button type="button" class="primary" onClick={() => void toggle()}>
        {isOn ? 'Turn off' : 'Turn on'}
      </button>
      <p role="status" class={isDenied ? 'refusal' : 'success'}>
        {isDenied && 'The browser refused notifications. Allow them for this page in the settings of the browser.'}
        {!isDenied && isOn && 'Notifications are on.'}
      </p>
    </div>
  )
}
