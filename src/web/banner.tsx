/** How the connection stands, when it doesn't: what happened, when it is tried again, and a button to do so now. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ConnectionState, WaitingReason } from '../client/index.ts'

interface BannerProps {
  readonly state: ConnectionState
  readonly onConnect: () => void
}

const WORDS: { readonly [reason in WaitingReason]: string } = {
  lost: 'The connection was lost.',
  restart: 'The service restarts.',
  limited: 'The service asks for a pause.',
  unreachable: 'The service cannot be reached.',
  refused: 'The service lets nobody in just now.',
  token: 'The session could not be checked.'
}

/** Announced when it appears; the seconds that count down are not. It stays while the connection is tried, and doesn't flicker. */
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
            {WORDS[state.reason]} What you write is kept and sent later. <Countdown until={state.until} />
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
    // The wall clock may be set while the seconds count down.
    const endsAt = performance.now() + until - Date.now()
    const show = () => setLeft(endsAt - performance.now())
    show()
    const timer = setInterval(show, 500)
    return () => clearInterval(timer)
  }, [until])
  const seconds = Math.max(0, Math.ceil(left / 1000))
  return <span aria-hidden="true">{seconds > 0 ? `Next try in ${seconds} s.` : 'Trying…'}</span>
}
