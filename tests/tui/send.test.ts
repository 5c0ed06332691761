/** Tests which HTTP statuses make `--send` retry, and which make it fail at once. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ChatApiError } from '../../client/src/index.ts'
import { type SendOptions, sendInput } from '../../src/tui/send.ts'

/**
 * Sends to a server that rejects each attempt with the next of the given statuses. Rejects all further attempts with the last
 * status.
 */
const sendTo = async (statuses: number[], options: Partial<SendOptions> = {}): Promise<void> => {
  const server = createServer(({ url }, response) => {
    // After a refused upgrade, the SDK sends this request to find out the reason. So this request ends each attempt.
    const isAsked = url === '/api/users/me' && statuses.length > 1
    const status = isAsked ? statuses.shift() : statuses[0]
    response.writeHead(status as number, { connection: 'close' }).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return sendInput('hi', { url, token: 'token', room: 'general', isByLine: false, timeout: 60_000, ...options })
}

test.for([400, 403, 404, 405, 410, 421, 426, 501])('fails at once after a permanent status: %i', async status => {
  await expect(sendTo([status])).rejects.toThrow(
    `The service responded with status ${status}. Nothing was sent. Check --url (with its path) and --username.`
  )
})

test('fails at once if there is no service at the URL', async () => {
  const token = () =>
    Promise.reject(new ChatApiError({ status: 404, code: 'not_found', detail: 'There is no POST /x.' }))
  await expect(sendTo([404], { token })).rejects.toThrow('There is no POST /x. Nothing was sent. Check --url')
})

test.for([408, 409, 425, 429, 500, 502, 503, 504])('tries again after a temporary status: %i', async status => {
  await expect(sendTo([status, 404])).rejects.toThrow('The service responded with status 404. Nothing was sent.')
})
