/** The settings of messages, reads and WebSocket connections. */
import { Type } from '@sinclair/typebox'
import { flag, integer, limit, optional, ownedBy } from './define.ts'

export const chatSettings = ownedBy('chat', {
  messageRateLimit: limit(10, {
    unit: 'messages per second per user',
    description: 'Limits messages, in bursts of three seconds’ worth, per process. 0 for no limit.'
  }),
  readRateLimit: limit(20, {
    unit: 'reads per second per user',
    description:
      'Limits reads over HTTP, in bursts of ten seconds’ worth, per process. A list counts one read per 50 entries requested. 0 for no limit.'
  }),
  connectionsPerUser: limit(20, {
    unit: 'connections',
    description: 'The maximum number of WebSocket connections per user and process. 0 for no limit.'
  }),
  connectionsPerIp: limit(0, {
    unit: 'connections',
    description: 'The maximum number of WebSocket connections per IP address and process. 0 for no limit.'
  }),
  maxConnections: optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      unit: 'connections',
      description:
        'The maximum number of WebSocket connections per process. Further ones are rejected with 503. 0 for no limit.',
      derived: '(memory - 256 MiB) / 64 KiB, but not more than the limit of open files - 200, and at least 100'
    })
  ),
  connectRate: limit(200, {
    unit: 'connections per second',
    description:
      'The maximum number of new WebSocket connections per second per process, in bursts of one second’s worth. Further ones are rejected with 503. 0 for no limit.'
  }),
  maxMessageLength: integer(4000, {
    minimum: 1,
    maximum: 65_536,
    unit: 'characters',
    description: 'The maximum length of a message, in Unicode code points.'
  }),
  editWindowMinutes: limit(0, {
    unit: 'minutes',
    description: 'How long a message can be edited after it was sent. 0 for no limit.'
  }),
  messageRetentionDays: integer(0, {
    maximum: 36_500,
    unit: 'days',
    description:
      'How long the entries of every room are kept. 0 for no limit. A room can keep its entries for fewer days (`retention_days`).'
  }),
  readReceipts: flag(true, {
    description:
      'Whether the members of a room see how far the others have read, in rooms of up to 100 members. Your own marks always reach your other devices.'
  }),
  legacySocketHours: limit(24, {
    unit: 'hours',
    description:
      'The maximum lifetime of a connection without the subprotocol `chat.v1`, even if its token has expired. 0 closes it when the token expires.'
  })
})

const OWN_ACCOUNTS = '`true`; `false` if a host application passes `authenticate`'

/** The settings that determine whether users can search for each other and open direct rooms. */
export const peopleSettings = ownedBy('app', {
  userDirectory: optional(
    Type.Boolean({
      description: 'Whether every user can search for other users by name (`GET /api/users`).',
      derived: OWN_ACCOUNTS
    })
  ),
  directRooms: optional(
    Type.Boolean({
      description: 'Whether users can open direct rooms with each other (`POST /api/chat/direct`).',
      derived: OWN_ACCOUNTS
    })
  )
})
