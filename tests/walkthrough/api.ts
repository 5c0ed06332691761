/** Implements a client of the HTTP API and of the WebSocket without the SDK. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { PASSWORD } from './person.ts'
import { until } from './until.ts'

// biome-ignore lint/suspicious/noExplicitAny: bodies have many shapes, and each caller checks what it reads.
type Body = any

export interface Api {
  /** Calls a route. Puts `/api/chat` before a `path` that doesn't begin with `/api`. Rejects if the status is 300 or above. */
  call(method: string, path: string, body?: object): Promise<Body>
  /** Opens a WebSocket. `frames` are the frames that it has received. */
  connect(): Promise<{
    readonly frames: Body[]
    send(frame: object): void
    /** Returns the first frame of a type that the connection has received since it was opened. */
    first(type: string): Promise<Body>
    close(): void
  }>
}

/** Time in milliseconds after which a token is renewed. Access tokens expire after one minute. */
const TOKEN_MS = 30_000

export const register = async (url: string, username: string): Promise<void> => {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ username, password: PASSWORD })
  const response = await fetch(`${url}/api/auth/register`, { method: 'POST', headers, body })
  assert.equal(response.status, 201, await response.text())
}

export const createApi = (url: string, username: string): Api => {
  let token = ''
  let renewAt = 0

  const request = async (method: string, path: string, body: object | undefined, headers: object): Promise<Body> => {
    const response = await fetch(url + path, {
      method,
      headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {})
    })
    const text = await response.text()
    assert.ok(response.ok, `${method} ${path} responded with ${response.status}: ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  const tokenOf = async (): Promise<string> => {
    if (performance.now() < renewAt) return token
    const login = await request('POST', '/api/auth/login', { username, password: PASSWORD }, {})
    token = login.access_token
    renewAt = performance.now() + TOKEN_MS
    return token
  }

  return {
    async call(method, path, body) {
      const headers = { authorization: `Bearer ${await tokenOf()}` }
      return request(method, path.startsWith('/api') ? path : `/api/chat${path}`, body, headers)
    },
    async connect() {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/chat?rooms=`, [
        'chat.v1',
        'bearer',
        await tokenOf()
      ])
      const frames: Body[] = []
      socket.on('message', data => frames.push(JSON.parse(String(data))))
      await once(socket, 'open')
      return {
        frames,
        send: frame => socket.send(JSON.stringify(frame)),
        first: type => until(`the API client receives ${type}`, () => frames.find(frame => frame.type === type)),
        close: () => socket.close()
      }
    }
  }
}
