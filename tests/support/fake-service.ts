/** Fakes the service for tests of the SDK. The test controls the sockets, the HTTP responses and the clock. */
import { onTestFinished } from 'vitest'
import { type ChatClientOptions, createChatClient, type ResponseLike, type Timers } from '../../client/src/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests read any field.
export type Sent = Record<string, any>

export const LIMITS = {
  max_message_length: 4000,
  max_meta_bytes: 2048,
  max_frame_bytes: 56_192,
  messages_per_second: 10,
  message_burst: 30
}

/** Resolves when the callbacks of all resolved promises have run. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Creates timers whose time changes only when `advance` or `step` is called. `random` always returns 0.5. */
export const fakeTimers = (startsAt = Date.parse('2026-01-31T12:00:00.000Z')) => {
  // `now` is the time of the monotonic clock. The wall clock is this time plus `offset`.
  let now = 0
  let offset = startsAt
  const jobs = new Set<{ due: number; work: () => void }>()
  const timers: Timers & { advance(ms: number): Promise<void>; step(ms: number): void; readonly waiting: number } = {
    now: () => offset + now,
    monotonic: () => now,
    after(ms, work) {
      const job = { due: now + ms, work }
      jobs.add(job)
      return () => jobs.delete(job)
    },
    random: () => 0.5,
    get waiting() {
      return jobs.size
    },
    async advance(ms) {
      const end = now + ms
      for (;;) {
        const next = [...jobs].filter(job => job.due <= end).sort((a, b) => a.due - b.due)[0]
        if (!next) break
        now = Math.max(now, next.due)
        jobs.delete(next)
        next.work()
        await settled()
      }
      now = end
    },
    step(ms) {
      offset += ms
    }
  }
  return timers
}

/** The client's socket. The test takes the role of the service. */
export class FakeClientSocket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: (() => void) | null = null
  readonly frames: Sent[] = []
  isClosed = false
  readonly url: string
  readonly protocols: string[]

  constructor(url: string, protocols: string[]) {
    this.url = url
    this.protocols = protocols
  }

  send(text: string): void {
    this.frames.push(JSON.parse(text))
  }
  close(): void {
    this.isClosed = true
  }

  /** Returns the frames of a type that the client has sent since the last call for this type. */
  take(type: string): Sent[] {
    const taken = this.frames.filter(frame => frame.type === type)
    this.frames.splice(0, this.frames.length, ...this.frames.filter(frame => frame.type !== type))
    return taken
  }
  receive(...frames: object[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) })
  }
  /** Opens the socket and delivers the first frame of the service. */
  greet(more: object = {}): void {
    this.onopen?.()
    this.receive({
      type: 'system',
      event: 'connected',
      message: 'Connected as ada',
      user_id: 1,
      username: 'ada',
      server_time: '2026-01-31T12:00:00.000+00:00',
      expires_at: '2026-01-31T12:30:00.000+00:00',
      ping_interval_ms: 25_000,
      limits: LIMITS,
      features: ['message', 'edit', 'deletion', 'reaction', 'erasure'],
      ...more
    })
  }
  end(code: number, reason = ''): void {
    this.isClosed = true
    this.onclose?.({ code, reason })
  }
}

interface HttpResponse {
  readonly status?: number
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** Creates a client, and the fake service that it connects to. */
export const fakeService = (options: Partial<ChatClientOptions> = {}) => {
  const timers = fakeTimers()
  const sockets: FakeClientSocket[] = []
  const calls: { readonly method: string; readonly path: string; readonly headers: Record<string, string> }[] = []
  let respond: (path: string) => HttpResponse | Promise<HttpResponse> = () => ({
    body: { id: 1, username: 'ada', created_at: '2026-01-31T12:00:00.000+00:00' }
  })

  class Socket extends FakeClientSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      sockets.push(this)
    }
  }

  const fetch: NonNullable<ChatClientOptions['fetch']> = async (url, { method, headers }): Promise<ResponseLike> => {
    const path = url.replace('http://chat.test', '')
    calls.push({ method, path, headers })
    const { status = 200, body = {}, headers: responseHeaders = {} } = await respond(path)
    return {
      ok: status < 300,
      status,
      headers: { get: name => responseHeaders[name] ?? null },
      text: async () => JSON.stringify(body)
    }
  }

  const client = createChatClient({
    url: 'http://chat.test',
    token: 'token-1',
    timers,
    fetch,
    WebSocket: Socket,
    ...options
  })
  onTestFinished(() => client.close())

  return {
    client,
    fetch,
    timers,
    sockets,
    calls,
    /** Sets the response to all following HTTP requests. */
    http(next: typeof respond) {
      respond = next
    },
    /** Resolves with the newest socket. Rejects unless the client has opened exactly `count` sockets. */
    async socket(count = sockets.length || 1): Promise<FakeClientSocket> {
      await settled()
      const socket = sockets[count - 1]
      if (!socket || sockets.length !== count) throw new Error(`There are ${sockets.length} sockets, not ${count}.`)
      return socket
    }
  }
}

export const messageFrame = (seq: number, more: object = {}) => ({
  type: 'message',
  id: seq,
  room: 'general',
  seq,
  user_id: 2,
  username: 'bob',
  content: `message ${seq}`,
  timestamp: '2026-01-31T12:00:00.000+00:00',
  ...more
})

/** Creates the response to a `subscribe` frame. */
export const subscribedFrame = (seq: number, { ref }: Sent, more: object = {}) => ({
  type: 'subscribed',
  room: 'general',
  epoch: 'e1',
  seq,
  oldest: 1,
  ref,
  ...more
})

/**
 * Creates the response to a request for history. The field `entries` makes it usable as the response to a request for the log
 * too. `seq` is high, so that the log seems to have newer entries than the page.
 */
export const historyPage = (from: number, to: number, more: object = {}) => ({
  room: 'general',
  epoch: 'e1',
  oldest: 1,
  seq: 100_000,
  has_more: from > 1,
  messages: Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => {
    const { type, timestamp, ...fields } = messageFrame(from + at)
    return { ...fields, created_at: timestamp }
  }),
  entries: Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => messageFrame(from + at)),
  ...more
})
