/**
 * Simulates users who chat during the attacks. Measures the latency of the acks for their messages, and counts missing acks.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { WebSocket } from 'ws'

const PASSWORD = 'SecurePass123'

/** A user who is registered and logged in. */
export interface Account {
  readonly name: string
  readonly token: string
}

/** The measurements of the users during one attack. */
export interface Measurement {
  /** The time from each message to its ack in milliseconds, in ascending order. */
  readonly acks: readonly number[]
  /**
   * The number of messages that got no response within the timeout, plus the numbers of HTTP requests and of new WebSockets that
   * failed.
   */
  readonly unanswered: number
  /** The number of times that a user lost the connection. */
  readonly lost: number
}

export interface People {
  /** Waits for pending acks. Returns the measurement since the last call, and starts a new measurement. */
  take(): Promise<Measurement>
  stop(): void
}

const post = async (port: number, path: string, body: object): Promise<{ access_token?: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })
  return (await response.json()) as { access_token?: string }
}

/** Registers a new user and logs in. */
export const createAccount = async (port: number, name: string): Promise<Account> => {
  await post(port, '/api/auth/register', { username: name, password: PASSWORD })
  const { access_token: token } = await post(port, '/api/auth/login', { username: name, password: PASSWORD })
  if (!token) throw new Error(`${name} could not log in.`)
  return { name, token }
}

/** Intervals in milliseconds between the messages of a user, and between the requests and new WebSockets that check the service. */
const SEND_MS = 120
const PROBE_MS = 250
/** Timeout for a response, in milliseconds. A later response counts as missing. */
const RESPONSE_TIMEOUT_MS = 15_000
/** The delay before a user reconnects, in milliseconds. */
const RECONNECT_MS = 300

/** Connects users who chat in a room until `stop` is called. */
export const startPeople = async (port: number, accounts: readonly Account[], room: string): Promise<People> => {
  const pending = new Map<string, number>()
  let acks: number[] = []
  let unanswered = 0
  let lost = 0
  let isStopped = false

  /** Opens a connection for an account, and opens a new connection when the connection is lost. */
  const join = async (account: Account, onOpen: (socket: WebSocket) => void): Promise<void> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat?rooms=${room}&token=${account.token}`, ['chat.v1'])
    socket.on('error', () => {})
    socket.on('close', () => {
      if (isStopped) return
      lost++
      setTimeout(() => void join(account, onOpen), RECONNECT_MS)
    })
    socket.on('message', data => handleFrame(JSON.parse(data.toString())))
    socket.on('open', () => onOpen(socket))
    await Promise.race([once(socket, 'open'), once(socket, 'close')])
  }

  const handleFrame = ({ type, nonce }: { type: string; nonce: string }): void => {
    const sentAt = pending.get(nonce)
    if (sentAt === undefined || (type !== 'ack' && type !== 'error')) return
    pending.delete(nonce)
    if (type === 'ack') acks.push(performance.now() - sentAt)
  }

  const talk = async (account: Account): Promise<NodeJS.Timeout> => {
    let current: WebSocket | undefined
    await join(account, socket => {
      current = socket
    })
    return setInterval(() => {
      if (current?.readyState !== WebSocket.OPEN) return
      const nonce = randomUUID()
      pending.set(nonce, performance.now())
      current.send(JSON.stringify({ type: 'message', room, content: 'How is everybody?', nonce }))
    }, SEND_MS)
  }

  const [first] = accounts
  const newcomer = setInterval(async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat?rooms=${room}&token=${first?.token}`, ['chat.v1'])
    const isOpen = await once(socket, 'open', { signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) }).then(
      () => true,
      () => false
    )
    socket.on('error', () => {}).terminate()
    if (!isOpen && !isStopped) unanswered++
  }, PROBE_MS)
  const probe = setInterval(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/users/me`, {
      headers: { authorization: `Bearer ${first?.token}` },
      signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS)
    }).catch(() => undefined)
    if (!response?.ok && !isStopped) unanswered++
    await response?.arrayBuffer()
  }, PROBE_MS)
  const timers = [...(await Promise.all(accounts.map(talk))), probe, newcomer]

  const settle = async (until: number): Promise<void> => {
    const mine = [...pending.keys()]
    while (mine.some(nonce => pending.has(nonce)) && performance.now() < until) {
      await new Promise(done => setTimeout(done, 20))
    }
    for (const nonce of mine) if (pending.delete(nonce)) unanswered++
  }

  return {
    async take() {
      await settle(performance.now() + RESPONSE_TIMEOUT_MS)
      const seen = { acks: acks.sort((a, b) => a - b), unanswered, lost }
      acks = []
      unanswered = lost = 0
      return seen
    },
    stop() {
      isStopped = true
      for (const timer of timers) clearInterval(timer)
    }
  }
}
