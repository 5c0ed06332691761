/** Renders the button that turns the notifications of this browser on and off. */
import { useState } from 'preact/hooks'

export interface NotificationsProps {
  readonly isNotifying: boolean
  readonly onNotifying: (isNotifying: boolean) => void
}

export const NotificationsSection = ({ isNotifying, onNotifying }: NotificationsProps) => {
  const [isDenied, setDenied] = useState(false)
  if (!('Notification' in window) || !isSecureContext) {
    return <p class="hint">This browser shows notifications only with HTTPS.</p>
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
        Shows direct messages and mentions while the window does not have the focus, without their texts.
      </p>
      <button type="button" class="primary" onClick={() => void toggle()}>
        {isOn ? 'Turn off' : 'Turn on'}
      </button>
      <p role="status" class={isDenied ? 'refusal' : 'success'}>
        {isDenied && 'The browser refused. Allow notifications for this page in its settings.'}
        {!isDenied && isOn && 'Notifications are on.'}
      </p>
    </div>
  )
}
