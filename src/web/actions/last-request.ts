/**
 * Sends a deletion over HTTP while the page is being closed. The SDK can't send several deletions at that time: it sends the
 * next change of a room only after the response to the previous one, and a page that is being closed receives no response.
 */
import type { Outgoing, Session } from '../../../client/src/index.ts'

/**
 * Sends a deletion that the SDK also sends. Both requests use the same nonce, so the service stores the deletion once. The
 * browser completes the request after the page is closed. Ignores errors, because the SDK still sends the deletion if the page
 * stays open.
 */
export const deleteAtOnce = async (
  serviceUrl: string,
  session: Pick<Session, 'token'>,
  { room, target, nonce }: Outgoing
): Promise<void> => {
  try {
    const token = await session.token()
    await fetch(`${serviceUrl}api/chat/rooms/${encodeURIComponent(room)}/messages/${target}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': nonce },
      keepalive: true
    })
  } catch {}
}
