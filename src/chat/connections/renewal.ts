/**
 * Replaces the principal of a connection when its client sends a new token. If the connection ends when its token expires (see
 * lifetime.ts), the expiry of the new token applies from then on.
 */
import { timestamp } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AuthFrame } from '../../protocol/frames/client.ts'
import type { Principal } from '../access/authorize.ts'
import type { Connection } from './connection.ts'

/**
 * Verifies a new token and replaces the principal of the connection. Sends an `authenticated` frame or an `error` frame. Never
 * rejects.
 */
export const renewPrincipal = async (
  connection: Connection,
  { token, ref }: AuthFrame,
  authenticate: (token: string) => Promise<Principal>
): Promise<void> => {
  const marks = ref === undefined ? {} : { ref }
  try {
    const principal = await authenticate(token)
    if (principal.userId !== connection.principal.userId) {
      throw new ChatError('wrong_user', 'The token belongs to another user. Open a new connection for that user.')
    }
    connection.renew(principal)
    connection.send({ type: 'authenticated', expires_at: timestamp(principal.expiresAt), ...marks })
  } catch (error) {
    const shown =
      error instanceof ChatError
        ? error
        : new ChatError('unavailable', 'The token could not be verified. Send it again in a moment.', { cause: error })
    connection.refuse(shown, marks)
  }
}
