/**
 * Defines amplification attacks: cheap requests and frames that cause much work for the database, other processes or other
 * users.
 */
import type { Attack } from '../attacks.ts'
import { frame, OPCODE, upgrade } from '../wire.ts'
import { accountOf, flood, parallel, repeat } from './repeat.ts'

const text = (value: object): Buffer => frame(OPCODE.text, JSON.stringify(value))
const absent = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `absent-${at}-${Math.random().toString(36).slice(2)}`)

export const abuseRooms: readonly Attack[] = [
  {
    name: 'typing without a subscription',
    run: flood(4, () => text({ type: 'typing', room: 'general' }), '/ws/chat?rooms=')
  },
  {
    name: 'subscribing and unsubscribing',
    run: flood(4, () =>
      Buffer.concat([text({ type: 'unsubscribe', room: 'general' }), text({ type: 'subscribe', room: 'general' })])
    )
  },
  {
    name: 'rooms that do not exist',
    run: flood(4, () => Buffer.concat(absent(50).map(room => text({ type: 'subscribe', room }))))
  },
  {
    name: 'connections that name 128 absent rooms',
    run: target =>
      parallel(8, at =>
        repeat(target, async () => {
          const path = `/ws/chat?rooms=${absent(128).join(',')}`
          const socket = await upgrade(target.port, accountOf(target, at).token, path)
          socket.destroy()
        })
      )
  },
  {
    name: 'many connections of one user',
    run: target =>
      parallel(16, () =>
        repeat(target, async () => {
          const socket = await upgrade(target.port, accountOf(target, 0).token)
          socket.destroy()
        })
      )
  },
  {
    name: 'creating rooms',
    run: target =>
      parallel(8, at =>
        repeat(target, async () => {
          const response = await fetch(`http://127.0.0.1:${target.port}/api/chat/rooms`, {
            method: 'POST',
            headers: { authorization: `Bearer ${accountOf(target, at).token}`, 'content-type': 'application/json' },
            body: JSON.stringify({ room: absent(1)[0] }),
            signal: target.signal
          })
          await response.arrayBuffer()
        })
      )
  }
]
