/** Shows why the connection is down, the time until the next attempt, and a button to reconnect now. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ConnectionState, WaitingReason } from '../../client/src/index.ts'

interface BannerProps {
  readonly state: ConnectionState
  readonly onConnect: () => void
}

const REASONS: { readonly [reason in WaitingReason]: string } = {
  lost: 'The connection was lost.',
  restart: 'The service is restarting or too busy.',
  limited: 'The connection was too slow, or exceeded a limit. If this happens again, close other tabs of the chat.',
  unreachable: 'The service cannot be reached.',
  refused: 'The service refused the connection.',
  token: 'Your session could not be checked.'
}

/**
 * Renders the banner. Screen readers announce the banner when it appears, but not the countdown. The banner stays visible during
 * each attempt to connect, so that it doesn't flicker.
 */
export const Banner = ({ state: now, onConnect }: BannerProps) => {
  const last = useRef(now)
  const isRetry = now.status === 'connecting' && last.current.status === 'waiting'
  if (!isRetry) last.current = now
  const state = last.current
  return (
    <div role="status" class="banner-place">
      {state.status === 'connecting' && <p class="banner late">Connecting…</p>}
      {state.status === 'waiting' && (
        <p class="banner">
          <span>
            {REASONS[state.reason]} Your messages will be sent when the connection is back.{' '}
            <Countdown until={state.until} />
          </span>
          <button type="button" onClick={onConnect}>
            Try now
          </button>
        </p>
      )}
      {state.status === 'offline' && state.reason !== 'closed' && (
        <p class="banner">
          <bdi>{state.detail}</bdi>
          <button type="button" onClick={onConnect}>
            Connect
          </button>
        </p>
      )}
    </div>
  )
}

const Countdown = ({ until }: { readonly until: number }) => {
  const [left, setLeft] = useState(until - Date.now())
  useEffect(() => {
    // Counts down on the monotonic clock, because the wall clock may be set during the countdown.
    const endsAt = performance.now() + until - Date.now()
    const show = () => setLeft(endsAt - performance.now())
    show()
    const timer = setInterval(show, 500)
    return () => clearInterval(timer)
  }, [until])
  const seconds = Math.max(0, Math.ceil(left / 1000))
  return <span aria-hidden="true">{seconds > 0 ? `Reconnecting in ${seconds} s.` : 'Reconnecting…'}</span>
}
