/** Checks whether notifications arrive. A pooler in transaction mode accepts `LISTEN` but delivers nothing. */
import { randomBytes } from 'node:crypto'
import type { ListenOptions } from './listen.ts'

const WAIT_MS = 2000

/** Resolves with whether a listener receives the notifications that `notify` sends. Rejects if `LISTEN` or `notify` fails. */
export const deliversNotifications = async (
  connect: ListenOptions['connect'],
  notify: (channel: string, payloads: readonly string[]) => Promise<void>
): Promise<boolean> => {
  const channel = `fastify_chat_${randomBytes(12).toString('hex')}`
  let timer: NodeJS.Timeout | undefined
  let receive = (_isReceived: boolean): void => {}
  const received = new Promise<boolean>(resolve => {
    receive = resolve
  })
  const sql = connect({ max: 1, fetch_types: false, onnotify: from => from === channel && receive(true) })
  try {
    await sql.unsafe(`listen "${channel}"`)
    await notify(channel, ['?'])
    timer = setTimeout(receive, WAIT_MS, false)
    return await received
  } finally {
    clearTimeout(timer)
    await sql.end({ timeout: 1 })
  }
}
