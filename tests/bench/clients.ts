/** Connects many clients, counts their frames and closes them. */
import { readFileSync } from 'node:fs'
import type { RawClient } from './raw-client.ts'

/** Connects many clients, 50 at a time. */
export const connectMany = async (count: number, connect: () => Promise<RawClient>): Promise<RawClient[]> => {
  const clients: RawClient[] = []
  while (clients.length < count) {
    clients.push(...(await Promise.all(Array.from({ length: Math.min(50, count - clients.length) }, connect))))
  }
  return clients
}

export const framesOf = (clients: readonly RawClient[]): number =>
  clients.reduce((sum, client) => sum + client.frames, 0)

export const closeAll = (clients: readonly RawClient[]): void => {
  for (const client of clients) client.close()
}

/**
 * Returns whether this process may open `sockets` sockets, and prints a message if it may not. The process cannot raise the
 * limit, because Node.js has already raised the soft limit to the hard limit.
 */
export const hasFilesFor = (sockets: number): boolean => {
  const limit = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity)
  if (limit >= sockets + 200) return true
  process.stderr.write(
    `*** SKIPPED: the rows with ${sockets} sockets. The limit on open files is ${limit}; run \`ulimit -n ${sockets + 1000}\` first. ***\n`
  )
  return false
}
