/**
 * Finds out whether a server supports TLS. If a connection requires TLS and the server does not support it, the driver reports
 * only `ECONNRESET`, which does not show the cause.
 */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import type { DatabaseHost } from '../../lib/database-url.ts'
import { codesOf } from './errors.ts'

/** PostgreSQL's SSLRequest message. The server responds with one byte: `S` if it supports TLS, `N` if it does not. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const WAIT_MS = 2000

/** Resolves with whether the server supports TLS. Resolves with `true` if that cannot be determined. */
const offersTls = async ({ host, port }: DatabaseHost): Promise<boolean> => {
  const socket = createConnection({ host, port })
  try {
    const signal = AbortSignal.timeout(WAIT_MS)
    await once(socket, 'connect', { signal })
    socket.write(SSL_REQUEST)
    const [response] = (await once(socket, 'data', { signal })) as [Buffer]
    return response.toString('latin1') !== 'N'
  } catch {
    return true
  } finally {
    socket.destroy()
  }
}

/**
 * Explains a failed connection. If the server does not support TLS, returns a new error that reports this. Otherwise, returns the
 * given error.
 */
export const explainTls = async (error: unknown, [server]: readonly DatabaseHost[]): Promise<unknown> => {
  if (!server || !codesOf(error).includes('ECONNRESET') || (await offersTls(server))) return error
  const message = 'the server does not support TLS. Enable it there (`ssl = on`), or set DATABASE_SSL=disable'
  return Object.assign(new Error(message), { code: 'TLS_NOT_OFFERED' })
}
