/** The settings of overload protection. */
import { limit, ownedBy } from './define.ts'

export const opsSettings = ownedBy('ops', {
  maxLoopDelayMs: limit(500, {
    unit: 'milliseconds',
    description:
      'The event loop delay (p99 of 10 s) above which history and lists respond with 503. Above twice this delay, new WebSocket connections are also rejected. 0 for no limit.'
  })
})
