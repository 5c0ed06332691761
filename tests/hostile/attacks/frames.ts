/**
 * Defines attacks that flood the service with WebSocket frames: control frames, malformed frames and frames of the chat
 * protocol. The frame quota must count all of them.
 */
import type { Attack } from '../attacks.ts'
import { frame, OPCODE, times } from '../wire.ts'
import { flood } from './repeat.ts'

const text = (value: object): Buffer => frame(OPCODE.text, JSON.stringify(value))

const floodOf = (name: string, bytes: () => Buffer, sockets = 2): Attack => ({ name, run: flood(sockets, bytes) })

export const floodFrames: readonly Attack[] = [
  floodOf('unsolicited pongs', () => times(2000, frame(OPCODE.pong))),
  floodOf('protocol pings', () => times(2000, frame(OPCODE.ping, 'x'.repeat(125)))),
  floodOf('empty fragments', () =>
    Buffer.concat([frame(OPCODE.text, '', false), times(2000, frame(OPCODE.continuation, '', false))])
  ),
  floodOf('binary frames', () => times(500, frame(OPCODE.binary, 'x'.repeat(1000)))),
  floodOf('frames of an unknown type', () => times(500, text({ type: 'nope' }))),
  floodOf('frames of a host’s type', () => times(500, text({ type: 'acme.nope' }))),
  floodOf('frames that are not JSON', () => times(500, frame(OPCODE.text, '{'.repeat(1000)))),
  floodOf('large frames', () => times(8, frame(OPCODE.text, 'x'.repeat(50_000)))),
  floodOf('frames that are too large', () => frame(OPCODE.text, 'x'.repeat(5_000_000))),
  floodOf('deeply nested JSON', () =>
    times(8, frame(OPCODE.text, `{"type":"message","content":"x","meta":${'{"a":'.repeat(8000)}1${'}'.repeat(8000)}}`))
  ),
  floodOf('JSON of many objects', () => {
    const objects = Array.from({ length: 5000 }, (_, at) => `{"${at.toString(36)}":1}`)
    return times(8, frame(OPCODE.text, `{"type":"message","content":"x","meta":{"a":[${objects}]}}`))
  }),
  floodOf('pings of ours', () => times(500, text({ type: 'ping', ref: 'x'.repeat(64) }))),
  floodOf('tokens that are not valid', () => times(100, text({ type: 'auth', token: `eyJ${'x'.repeat(500)}` }))),
  floodOf(
    'messages beyond the limit',
    () => times(200, text({ type: 'message', content: 'x'.repeat(200), ref: '1' })),
    4
  ),
  floodOf('replies that are not read', () => times(200, text({ type: 'message', content: ' ', ref: 'x'.repeat(64) })))
]
