/**
 * Creates the load of the drill: users who chat with the SDK through nginx, and a probe that posts one message after another
 * over HTTP.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { type ChatClient, createChatApi, createChatClient } from '../../client/src/index.ts'
import { until } from './programs.ts'

const PASSWORD = 'SecurePass123'
const ROOM = 'general'

/** What clients saw during a step. */
export interface Seen {
  /**
   * The longest time in seconds in which the probe stored no message. Without a fault, this is a few hundredths of a second.
   */
  readonly unavailable: number
  /** How often each failure was seen, keyed by the status or the error of the probe. */
  readonly failures: Readonly<Record<string, number>>
  /** How often clients lost their connection. */
  readonly lost: number
}

export interface Load {
  /** Starts to count for a new step. */
  begin(): void
  seen(): Seen
  /** Stops sending. Resolves when everything that was sent is acknowledged. */
  drain(): Promise<void>
  resume(): void
  /**
   * Returns the messages that were lost or stored twice, and those that a user was not shown or was shown twice. Call it after
   * `drain`.
   */
  violations(): Promise<string[]>
  close(): void
}

interface User {
  readonly name: string
  readonly chat: ChatClient
  readonly sent: Set<string>
  readonly shown: Set<string>
  /** The messages that were shown more than once. */
  readonly repeated: string[]
}

/** Starts `users` users, who each send about two messages a second. */
export const startLoad = async (url: string, users: number): Promise<Load> => {
  const api = createChatApi({ url })
  const login = async (name: string): Promise<string> => (await api.login(name, PASSWORD)).access_token
  let lost = 0
  let isSending = false
  let isClosed = false

  const startUser = async (name: string): Promise<User> => {
    await api.register(name, PASSWORD)
    const chat = createChatClient({ url, token: () => login(name), WebSocket: WebSocket as never })
    const user: User = { name, chat, sent: new Set(), shown: new Set(), repeated: [] }
    let wasOnline = false
    chat.on('state', ({ status }) => {
      if (wasOnline && status !== 'online') lost++
      wasOnline = status === 'online'
    })
    const room = chat.room(ROOM)
    room.on('message', ({ content }) => {
      if (content === null) return
      if (user.shown.has(content)) user.repeated.push(content)
      user.shown.add(content)
    })
    void (async () => {
      for (let count = 0; !isClosed; count++) {
        await delay(300 + Math.random() * 400)
        if (!isSending || isClosed) continue
        const content = `${name} ${count}`
        user.sent.add(content)
        room.send(content)
      }
    })()
    return user
  }
  const all = await Promise.all(Array.from({ length: users }, (_, at) => startUser(`user-${at}`)))
  // All users are subscribed before the first message, so every user must be shown every message.
  await until('every user is in the room', () => all.every(({ chat }) => chat.room(ROOM).state.status === 'live'))
  const probe = await startProbe(url, login, api, () => isSending && !isClosed)
  isSending = true

  const isDrained = (): boolean =>
    probe.isIdle() && all.every(({ chat }) => chat.room(ROOM).state.outgoing.length === 0)

  return {
    begin() {
      lost = 0
      probe.begin()
    },
    seen: () => ({ ...probe.seen(), lost }),
    async drain() {
      isSending = false
      const deadline = performance.now() + 120_000
      while (!isDrained()) {
        if (performance.now() > deadline) {
          const waiting = all.flatMap(({ chat }) => chat.room(ROOM).state.outgoing.map(({ status }) => status))
          throw new Error(`Not acknowledged within 120 s: ${waiting.join(', ') || 'a message of the probe'}.`)
        }
        await delay(200)
      }
    },
    resume() {
      isSending = true
    },
    async violations() {
      const log = await readLog(url, await login('user-0'))
      const stored = new Map<string, number>()
      for (const content of log) stored.set(content, (stored.get(content) ?? 0) + 1)
      const sent = [...all.flatMap(user => [...user.sent]), ...probe.acknowledged]
      await delay(2000)
      return [
        ...sent.filter(content => !stored.has(content)).map(content => `lost: ${content}`),
        ...[...stored].filter(([, count]) => count > 1).map(([content]) => `stored twice: ${content}`),
        ...all.flatMap(({ name, shown, repeated }) => [
          ...log.filter(content => !shown.has(content)).map(content => `${name} was not shown: ${content}`),
          ...repeated.map(content => `${name} was shown twice: ${content}`)
        ])
      ]
    },
    close() {
      isClosed = true
      for (const { chat } of all) chat.close()
    }
  }
}

/** Posts one message after another, and repeats each message until it is stored. */
const startProbe = async (
  url: string,
  login: (name: string) => Promise<string>,
  api: ReturnType<typeof createChatApi>,
  isSending: () => boolean
) => {
  await api.register('probe', PASSWORD)
  let token = await login('probe')
  const acknowledged: string[] = []
  let failures: Record<string, number> = {}
  let storedAt = performance.now()
  let longest = 0
  let isPosting = false

  const post = async (content: string): Promise<boolean> => {
    const response = await fetch(`${url}/api/chat/rooms/${ROOM}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'idempotency-key': content },
      body: JSON.stringify({ content }),
      signal: AbortSignal.timeout(5000)
    }).catch((error: Error) => error)
    if (!(response instanceof Error) && response.ok) return true
    const seen =
      response instanceof Error ? (response.name === 'TimeoutError' ? 'timeout' : 'no connection') : response.status
    failures[seen] = (failures[seen] ?? 0) + 1
    if (seen === 401) token = await login('probe').catch(() => token)
    return false
  }

  const loop = async (): Promise<void> => {
    for (let count = 0; ; count++) {
      while (!isSending()) {
        await delay(50)
        storedAt = performance.now()
      }
      isPosting = true
      const content = `probe ${count}`
      while (!(await post(content))) await delay(50)
      isPosting = false
      acknowledged.push(content)
      longest = Math.max(longest, performance.now() - storedAt)
      storedAt = performance.now()
      await delay(20)
    }
  }
  void loop()

  return {
    acknowledged,
    isIdle: () => !isPosting,
    begin() {
      failures = {}
      longest = 0
      storedAt = performance.now()
    },
    seen: (): Omit<Seen, 'lost'> => ({
      unavailable: Math.max(longest, isPosting ? performance.now() - storedAt : 0) / 1000,
      failures
    })
  }
}

/** Returns the texts of all messages of the room. */
const readLog = async (url: string, token: string): Promise<string[]> => {
  const texts: string[] = []
  for (let after = 0; ; ) {
    const response = await fetch(`${url}/api/chat/rooms/${ROOM}/log?after=${after}&limit=1000`, {
      headers: { authorization: `Bearer ${token}` }
    })
    const page = (await response.json()) as {
      entries: { seq: number; type: string; content: string }[]
      has_more: boolean
    }
    for (const { type, content } of page.entries) if (type === 'message') texts.push(content)
    after = page.entries.at(-1)?.seq ?? after
    if (!page.has_more) return texts
  }
}
