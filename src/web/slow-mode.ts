/** Describes the slow mode of a room: the interval, and how long the user's next message waits. */
import { useEffect, useState } from 'preact/hooks'
import type { Outgoing } from '../../client/src/index.ts'
import { durationOf } from './times.ts'

/**
 * Returns the text about slow mode at the time `now`: how long the user's next message waits, or else the interval. Returns an
 * empty text if no message waits and slow mode is off.
 */
export const slowModeText = (seconds: number, outgoing: readonly Outgoing[], now: number): string => {
  const until = outgoing.find(({ waitsUntil }) => waitsUntil !== undefined)?.waitsUntil
  const left = until === undefined ? 0 : Math.ceil((until - now) / 1000)
  if (left > 0) return `Slow mode: your message will be sent in ${durationOf(left)}.`
  return seconds > 0 ? `Slow mode: one message per ${durationOf(seconds)}.` : ''
}

export const useSlowMode = (seconds: number, outgoing: readonly Outgoing[]): string => {
  const [, setTick] = useState(0)
  const isWaiting = outgoing.some(({ waitsUntil }) => waitsUntil !== undefined)
  useEffect(() => {
    const timer = isWaiting ? setInterval(() => setTick(tick => tick + 1), 1000) : undefined
    return () => clearInterval(timer)
  }, [isWaiting])
  return slowModeText(seconds, outgoing, Date.now())
}
