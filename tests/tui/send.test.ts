/** `--send` against servers that let nobody in: which of them it tries again. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ChatApiError } from '../../src/client/index.ts'
import { type SendOptions, sendInput } from '../../src/tui/send.ts'

/** Sends to a server that responds to everything, upgrades included, with one status. */
const sendTo = async (status: number, options: Partial<SendOptions> = {}): Promise<void> => {
  const server = createServer((_, response) => response.writeHead(status, { connection: 'close' }).end())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return sendInput('hi', { url, token: 'token', room: 'general', isByLine: false, timeout: 60_000, ...options })
}

test.for([400, 403, 404, 405, 410, 421, 426, 501])('fails at once with a status that stays: %i', async status => {
  await expect(sendTo(status)).rejects.toThrow(
    `The service answered ${status}. Nothing was sent. Check --url, its path included, and --username.`
  )
})

test('fails at once when there is nobody to log in to at the address', async () => {
  const token = () =>
    Promise.reject(new ChatApiError({ status: 404, code: 'not_found', detail: 'There is no POST /x.' }))
  await expect(sendTo(404, { token })).rejects.toThrow('There is no POST /x. Nothing was sent. Check --url')
})

test('tries again until the time is over with a status that passes', async () => {
  await Promise.all(
    [408, 425, 429, 500, 502, 503, 504].map(status =>
      expect(sendTo(status, { timeout: 200 })).rejects.toThrow(
        `Not acknowledged within 0.2 s; it may have been stored all the same. The service answered ${status}.`
      )
    )
  )
})
