/** Ends sessions on one process, and measures how long their connections to another process stay open. */
import { expect } from 'vitest'
import { connect } from './socket-client.ts'
import { PASSWORD } from './start-chat.ts'

const post = async (url: string, body: object) => {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return (await response.json()) as { access_token: string; session_id: string }
}

export interface SessionEnds {
  /**
   * Starts a session on the process at the URL `here`, and connects with it to the process at the URL `there`. Then ends the
   * session on the first process. Returns the time in milliseconds until the connection was closed.
   */
  measure(here: string, there: string): Promise<number>
}

/** Registers the user of the measured sessions, on the process at the URL. */
export const createSessionEnds = async (url: string, username: string): Promise<SessionEnds> => {
  const account = { username, password: PASSWORD }
  await post(`${url}/api/auth/register`, account)
  const own = await post(`${url}/api/auth/login`, account)
  return {
    async measure(here, there) {
      const session = await post(`${here}/api/auth/login`, { ...account, session: true })
      const socket = await connect(`${there.replace('http', 'ws')}/ws/chat?token=${session.access_token}`)
      await socket.next()
      const startedAt = performance.now()
      const { status } = await fetch(`${here}/api/auth/sessions/${session.session_id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${own.access_token}` }
      })
      expect(status).toBe(204)
      expect(await socket.closed).toMatchObject({ code: 4401 })
      return performance.now() - startedAt
    }
  }
}
