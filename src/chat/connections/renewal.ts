/** Extends a connection with a new token, which the client sends before the old one expires. */
import { timestamp } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AuthFrame } from '../../protocol/frames.ts'
import type { Connection } from './connection.ts'
import type { AuthenticatedPrincipal } from './context.ts'

/** Replaces the session of a connection, and sends `authenticated`, or an error. Never rejects. */
export const renewSession = async (
  connection: Connection,
  { token, ref }: AuthFrame,
  authenticate: (token: string) => Promise<AuthenticatedPrincipal>
): Promise<void> => {
  const marks = ref === undefined ? {} : { ref }
  try {
    const session = await authenticate(token)
    if (session.userId !== connection.session.userId) {
      throw new ChatError('wrong_user', 'The token belongs to another user. Open a new connection for another user.')
    }
    connection.renew(session)
    connection.send({ type: 'authenticated', expires_at: timestamp(session.expiresAt), ...marks })
  } catch (error) {
    if (!(error instanceof ChatError)) connection.log.error({ err: error }, 'a token could not be verified')
    const shown = error instanceof ChatError ? error : new ChatError('unavailable', 'Send the token again in a moment.')
    connection.refuse(shown, marks)
  }
}
