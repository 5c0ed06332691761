/** Tests the text about slow mode below the messages. */
import { expect, test } from 'vitest'
import type { Outgoing } from '../../client/src/index.ts'
import { slowModeText } from '../../src/web/slow-mode.ts'

const outgoing = (waitsUntil?: number): Outgoing => ({
  type: 'message',
  nonce: 'n',
  room: 'tea',
  content: 'text',
  createdAt: 0,
  status: 'pending',
  ...(waitsUntil === undefined ? {} : { waitsUntil })
})

test('shows the interval, and how long the next message waits', () => {
  expect(slowModeText(0, [], 0)).toBe('')
  expect(slowModeText(300, [outgoing()], 0)).toBe('Slow mode: one message per 5 minutes.')
  expect(slowModeText(300, [outgoing(9500)], 1000)).toBe('Slow mode: your message will be sent in 9 seconds.')
  expect(slowModeText(300, [outgoing(900)], 1000)).toBe('Slow mode: one message per 5 minutes.')
})
