/** Asks a server whether it speaks TLS: one that doesn't only resets the connection of a driver that insists on it. */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { DatabaseHost } from '../../lib/database-url.ts'
import { codesOf } from './errors.ts'

/** PostgreSQL's SSLRequest; the response is one byte, `S` or `N`. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const WAIT_MS = 2000

/** Resolves with whether it does; with `true` when that can't be found out. */
const offersTls = async ({ host, port }: DatabaseHost): Promise<boolean> => {
  const socket = createConnection({ host, port })
  try {
    const signal = AbortSignal.timeout(WAIT_MS)
    await once(socket, 'connect', { signal })
    socket.write(SSL_REQUEST)
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer]
    return answer.toString('latin1') !== 'N'
  } catch {
    return true
  } finally {
    socket.destroy()
  }
}

/** Returns the error to report when a connection that needs TLS failed: a sentence when no server of these has any. */
export const explainTls = async (error: unknown, [server]: readonly DatabaseHost[]): Promise<unknown> => {
  if (!server || !codesOf(error).includes('ECONNRESET') || (await offersTls(server))) return error
  const message = 'the server does not offer TLS. Turn it on there (`ssl = on`), or set DATABASE_SSL=disable'
  return Object.assign(new Error(message), { code: 'TLS_NOT_OFFERED' })
}
