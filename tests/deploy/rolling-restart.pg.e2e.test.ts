/**
 * Tests a rolling restart of two processes behind nginx, with `deploy/nginx.conf` and `deploy/rolling-restart.sh`, while users
 * chat with the SDK and send HTTP requests. `CONNECT_RATE` is so low that clients are refused while they reconnect.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ChatClient, createChatApi, createChatClient } from '../../client/src/index.ts'
import { ofChatError, problemOf } from '../../src/http/problems.ts'
import { ChatError } from '../../src/protocol/errors.ts'
import { acceptsConnections } from '../support/accepts-connections.ts'
import { freePort } from '../support/free-port.ts'
import { writePlainNginx } from '../support/plain-nginx.ts'
import { findProgram } from '../support/programs.ts'
import { isAvailable } from '../support/requirements.ts'
import { installProcesses } from './installed-processes.ts'

const NGINX = findProgram('nginx') ?? 'nginx'

const CLIENTS = 30
const CONNECT_RATE = 4
const PASSWORD = 'SecurePass123'
const ROOM = 'general'
/** The time in milliseconds within which a refused client must be connected again. */
const BACK_MS = 60_000

const startNginx = async (upstreams: readonly number[]) => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-front-'))
  const port = await freePort()
  const { args, requests } = writePlainNginx(folder, port, upstreams)
  const child = spawn(NGINX, args, { stdio: 'ignore' })
  onTestFinished(async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  })
  await expect.poll(() => acceptsConnections(port), { interval: 20 }).toBe(true)
  return { url: `http://127.0.0.1:${port}`, requests }
}

/** A WebSocket that was refused. */
interface Refusal {
  readonly status: number
  readonly retryAfter: number
  readonly code: string
}

/**
 * Creates a WebSocket class that records why a connection was refused. The WebSocket interface of browsers does not report
 * this.
 */
const recordRefusals = () => {
  const refusals: Refusal[] = []
  class RecordingSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      this.on('unexpected-response', async (_, response) => {
        let body = ''
        for await (const part of response) body += part
        const { code } = JSON.parse(body.startsWith('{') ? body : '{}')
        refusals.push({ status: response.statusCode ?? 0, retryAfter: Number(response.headers['retry-after']), code })
        this.terminate()
      })
    }
  }
  return { refusals, RecordingSocket }
}

interface User {
  readonly chat: ChatClient
  readonly sent: string[]
  /** The messages in the order in which the SDK reported them. */
  readonly received: { readonly seq: number; readonly content: string }[]
}

/**
 * Starts a user who sends messages while `isSending` returns true. When a refused user is online again, appends the time since
 * the first refusal to `absences`, in milliseconds.
 */
const startUser = (chat: ChatClient, name: string, isSending: () => boolean, absences: number[]): User => {
  const user: User = { chat, sent: [], received: [] }
  let refusedAt: number | undefined
  chat.on('state', state => {
    if (state.status === 'waiting' && state.reason === 'refused') refusedAt ??= performance.now()
    if (state.status !== 'online' || refusedAt === undefined) return
    absences.push(performance.now() - refusedAt)
    refusedAt = undefined
  })
  const room = chat.room(ROOM)
  room.on('message', ({ seq, content }) => user.received.push({ seq, content: content ?? '' }))
  void (async () => {
    for (let count = 0; chat.state.status !== 'offline'; count++) {
      await delay(300 + Math.random() * 600)
      if (!isSending()) continue
      user.sent.push(`${name} ${count}`)
      room.send(`${name} ${count}`)
    }
  })()
  return user
}

/** Sends requests one after another until `stop` is called. Counts the responses by status, and failed requests by error. */
const startRequests = (send: (count: number) => Promise<Response>) => {
  const statuses: Record<string, number> = {}
  let isStopped = false
  const running = (async () => {
    for (let count = 0; !isStopped; count++) {
      const seen = await send(count).then(
        async response => {
          await response.arrayBuffer()
          return response.status
        },
        (error: Error) => `${error.message} ${String(error.cause ?? '')}`
      )
      statuses[seen] = (statuses[seen] ?? 0) + 1
      await delay(10)
    }
  })()
  return {
    async stop() {
      isStopped = true
      await running
      return statuses
    }
  }
}

const BUSY_SECONDS = '30'

const behindNginx = test.runIf(isAvailable('nginx'))

behindNginx(
  'an upgrade that only one process can refuse, because the other is down, gets a 503 with Retry-After',
  async () => {
    const busy = createServer((_, response) => void response.writeHead(503, { 'retry-after': BUSY_SECONDS }).end())
    onTestFinished(() => void busy.close())
    busy.listen(0, '127.0.0.1')
    await once(busy, 'listening')
    const { url, requests } = await startNginx([await freePort(), (busy.address() as AddressInfo).port])
    // nginx uses round robin: some of these requests try the stopped process first, the others try the busy process first.
    for (let times = 0; times < 4; times++) {
      const response = await fetch(`${url}/ws/chat`)
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      if (response.headers.get('retry-after') === BUSY_SECONDS) continue
      // nginx refused the upgrade itself, with the problem that a process would send.
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      const id = response.headers.get('x-request-id') ?? ''
      const error = new ChatError('unavailable', 'The service cannot respond right now. Try again in a moment.')
      expect(await response.json()).toEqual(problemOf(ofChatError(error), id))
    }
    await expect.poll(() => requests().map(({ tried }) => tried)).toContain('503, 502')
  }
)

behindNginx(
  'a rolling restart loses no message and no request, and only CONNECT_RATE refuses clients, for less than 60 s',
  { timeout: 240_000 },
  async () => {
    const ports = [await freePort(), await freePort()]
    const { rollingRestart, pidOf, logOf } = await installProcesses(ports, {
      TRUST_PROXY: '127.0.0.1',
      BCRYPT_ROUNDS: '4',
      REGISTER_RATE_LIMIT: '0',
      LOGIN_RATE_LIMIT: '0',
      MESSAGE_RATE_LIMIT: '0',
      READ_RATE_LIMIT: '0',
      MAX_LOOP_DELAY_MS: '0',
      CONNECT_RATE: String(CONNECT_RATE),
      LOG_LEVEL: 'warn'
    })
    expect(await rollingRestart()).toMatchObject({ status: 0 })
    const { url, requests } = await startNginx(ports)
    const api = createChatApi({ url })
    const { refusals, RecordingSocket } = recordRefusals()
    const absences: number[] = []
    let isSending = false
    const login = async (name: string) => (await api.login(name, PASSWORD)).access_token
    const users = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, at) => {
        const name = `user-${at}`
        await api.register(name, PASSWORD)
        const chat = createChatClient({ url, token: () => login(name), WebSocket: RecordingSocket as never })
        onTestFinished(() => chat.close())
        return startUser(chat, name, () => isSending, absences)
      })
    )
    const areAllLive = () =>
      users.every(({ chat }) => chat.state.status === 'online' && chat.room(ROOM).state.status === 'live')
    await expect.poll(areAllLive, { interval: 100 }).toBe(true)
    refusals.length = absences.length = 0
    isSending = true

    const token = await login('user-0')
    // Uses a separate user for the logins, because the service ends the oldest sessions of a user who logs in often.
    await api.register('visitor', PASSWORD)
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const posted: string[] = []
    const call = (method: string, path: string, body?: object, extra = {}) =>
      fetch(`${url}${path}`, {
        method,
        headers: { ...headers, ...extra },
        ...(body ? { body: JSON.stringify(body) } : {})
      })
    const traffic = {
      history: startRequests(() => call('GET', `/api/chat/rooms/${ROOM}/messages?limit=50`)),
      login: startRequests(() => call('POST', '/api/auth/login', { username: 'visitor', password: PASSWORD })),
      post: startRequests(count => {
        posted.push(`posted ${count}`)
        return call('POST', `/api/chat/rooms/${ROOM}/messages`, { content: `posted ${count}` })
      })
    }
    await delay(1000)
    const before = ports.map(pidOf)
    expect(await rollingRestart()).toMatchObject({ status: 0 })
    for (const pid of ports.map(pidOf)) expect(before).not.toContain(pid)
    await expect.poll(areAllLive, { interval: 100 }).toBe(true)

    isSending = false
    const statuses = {
      history: await traffic.history.stop(),
      login: await traffic.login.stop(),
      post: await traffic.post.stop()
    }
    const all = { 200: expect.any(Number) }
    expect(statuses).toEqual({ history: all, login: all, post: { 201: expect.any(Number) } })
    // Only CONNECT_RATE may refuse a request. The process that refuses it responds with 503, and `tried` contains this status.
    // If nginx then tried the stopped process, nginx itself sent a 503 with the code `unavailable`.
    const failed = requests().filter(({ status }) => status >= 500)
    const refused = { request: 'GET /ws/chat', status: 503, tried: expect.stringContaining('503') }
    for (const request of failed) expect(request).toEqual(refused)
    expect(refusals.length).toBeGreaterThan(0)
    expect(failed.length).toBeGreaterThanOrEqual(refusals.length)
    for (const { status, code } of refusals)
      expect([status, code]).toEqual([503, expect.stringMatching(/^busy$|^unavailable$/)])
    const byNginx = failed.filter(({ tried }) => !tried.endsWith('503'))
    expect(refusals.filter(({ code }) => code === 'unavailable').length).toBeLessThanOrEqual(byNginx.length)
    for (const { retryAfter } of refusals) expect(retryAfter > 0 && retryAfter <= BACK_MS / 1000).toBe(true)
    expect(absences.length).toBeGreaterThan(0)
    expect(Math.max(...absences)).toBeLessThan(BACK_MS)

    // Every message is stored once, and every client received the log in order.
    await expect
      .poll(() => users.every(({ chat }) => chat.room(ROOM).state.outgoing.length === 0), { interval: 100 })
      .toBe(true)
    const log = await readLog(call)
    const sent = [...users.flatMap(user => user.sent), ...posted]
    expect(log.map(({ content }) => content).sort()).toEqual(sent.sort())
    for (const { received } of users) {
      await expect.poll(() => received.length, { interval: 100 }).toBeGreaterThanOrEqual(log.length)
      expect(received).toEqual(log)
    }
    for (const port of ports) expect(logOf(port)).not.toMatch(/"level":[56]0/)
  }
)

/** Returns the messages of the room, in order. */
const readLog = async (call: (method: string, path: string) => Promise<Response>) => {
  const messages: { seq: number; content: string }[] = []
  for (let after = 0; ; ) {
    const page = (await (await call('GET', `/api/chat/rooms/${ROOM}/log?after=${after}&limit=1000`)).json()) as {
      entries: { seq: number; type: string; content: string }[]
      has_more: boolean
    }
    for (const { seq, type, content } of page.entries) if (type === 'message') messages.push({ seq, content })
    after = page.entries.at(-1)?.seq ?? after
    if (!page.has_more) return messages
  }
}
