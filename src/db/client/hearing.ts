/** Finds out whether notifications arrive: a pooler in transaction mode takes LISTEN and never delivers anything. */
import { randomBytes } from 'node:crypto'
import type { ListenOptions } from './listen.ts'

const WAIT_MS = 2000

/** Returns whether a listener receives what `notify` sends. Rejects when it can't connect. */
export const canHear = async (
  connect: ListenOptions['connect'],
  notify: (channel: string, payloads: readonly string[]) => Promise<void>
): Promise<boolean> => {
  const channel = `fastify_chat_${randomBytes(12).toString('hex')}`
  let timer: NodeJS.Timeout | undefined
  let hear = (_isHeard: boolean): void => {}
  const heard = new Promise<boolean>(resolve => {
    hear = resolve
  })
  const sql = connect({ max: 1, fetch_types: false, onnotify: from => from === channel && hear(true) })
  try {
    await sql.unsafe(`listen "${channel}"`)
    await notify(channel, ['?'])
    timer = setTimeout(hear, WAIT_MS, false)
    return await heard
  } finally {
    clearTimeout(timer)
    await sql.end({ timeout: 1 })
  }
}
