/**
 * A chat client that uses the protocol correctly. It sends messages with and without nonces, resends messages with nonces until
 * they are acknowledged, and resumes after a reconnection. It records messages, acks and errors for check.ts.
 */
import { WebSocket } from 'ws'

export interface ClientRecord {
  readonly name: string
  /** The `seq` of each acknowledged message, keyed by nonce. */
  readonly acknowledged: Map<string, number>
  /** The contents of all sent messages. Each content is unique. */
  readonly sent: Set<string>
  /** The delivered messages, in the order of their delivery. */
  readonly delivered: { readonly seq: number; readonly content: string }[]
  /** Errors that the client itself detected. */
  readonly faults: string[]
  resyncs: number
  reconnects: number
}

export interface ChaosClient {
  readonly record: ClientRecord
  /** Whether every message that was sent with a nonce is acknowledged. */
  readonly isSettled: boolean
  readonly lastSeq: number
  send(): void
  /** Stops reading from the connection for `ms` milliseconds. */
  pause(ms: number): void
  close(): void
}

export interface ClientOptions {
  readonly name: string
  /** The URLs of the services. Each connection uses one of them at random. */
  readonly urls: readonly string[]
  readonly password: string
  readonly random: () => number
}

const post = async (url: string, body: object): Promise<{ access_token?: string; status: number }> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5000)
  })
  return { ...((await response.json()) as object), status: response.status }
}

export const createClient = ({ name, urls, password, random }: ClientOptions): ChaosClient => {
  const record: ClientRecord = {
    name,
    acknowledged: new Map(),
    sent: new Set(),
    delivered: [],
    faults: [],
    resyncs: 0,
    reconnects: 0
  }
  const unacknowledged = new Map<string, string>()
  let socket: WebSocket | undefined
  let token: string | undefined
  let lastSeq: number | undefined
  let epoch: string | undefined
  let isClosed = false
  let count = 0

  const anyUrl = () => urls[Math.floor(random() * urls.length)] ?? ''

  const login = async (): Promise<string> => {
    await post(`${anyUrl()}/api/auth/register`, { username: name, password })
    const { access_token } = await post(`${anyUrl()}/api/auth/login`, { username: name, password })
    if (!access_token) throw new Error('no token')
    return access_token
  }

  const handleFrame = (frame: { [field: string]: unknown }): void => {
    if (frame.type === 'subscribed' || frame.type === 'resync') {
      if (frame.type === 'resync') record.resyncs++
      if (epoch !== undefined && frame.epoch !== epoch) record.faults.push('the epoch changed')
      epoch = String(frame.epoch)
      if (frame.type === 'resync') {
        record.faults.push(`resync ${frame.reason} after ${lastSeq} at ${frame.seq}`)
        lastSeq = Number(frame.seq)
      } else lastSeq ??= Number(frame.seq)
    }
    if (frame.type === 'message') {
      const seq = Number(frame.seq)
      if (lastSeq !== undefined && seq !== lastSeq + 1) record.faults.push(`${seq} came after ${lastSeq}`)
      lastSeq = seq
      record.delivered.push({ seq, content: String(frame.content) })
    }
    if (frame.type === 'ack') {
      const nonce = String(frame.nonce)
      const before = record.acknowledged.get(nonce)
      if (before !== undefined && before !== frame.seq)
        record.faults.push(`${nonce} was acknowledged twice, differently`)
      record.acknowledged.set(nonce, Number(frame.seq))
      unacknowledged.delete(nonce)
    }
    if (frame.type === 'error' && frame.code === 'nonce_reused') record.faults.push(`nonce_reused for ${frame.nonce}`)
  }

  const write = (frame: object): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame))
  }

  const resend = (): void => {
    for (const [nonce, content] of unacknowledged) write({ type: 'message', content, nonce })
  }

  const connect = async (): Promise<void> => {
    while (!isClosed) {
      try {
        token ??= await login()
        await session(anyUrl())
      } catch {
        // The service is unreachable. The loop tries again after a delay.
      }
      record.reconnects++
      await new Promise(done => setTimeout(done, 100 + random() * 400))
    }
  }

  /** Opens a connection. Resolves when the connection is closed. */
  const session = (url: string): Promise<void> =>
    new Promise(resolve => {
      const opened = new WebSocket(`${url.replace('http', 'ws')}/ws/chat?rooms=&token=${token}`, {
        handshakeTimeout: 3000
      })
      socket = opened
      let receivedAt = Date.now()
      const again = setInterval(() => {
        // A service that sends nothing is down or paused, so the client reconnects, perhaps to the other service.
        if (Date.now() - receivedAt > 6000) opened.terminate()
        else write({ type: 'ping' })
        resend()
      }, 2000)
      opened.on('open', () => {
        write({ type: 'subscribe', room: 'general', ...(lastSeq === undefined ? {} : { after: lastSeq, epoch }) })
        resend()
      })
      opened.on('message', data => {
        receivedAt = Date.now()
        handleFrame(JSON.parse(data.toString()))
      })
      opened.on('unexpected-response', (_, response) => {
        if (response.statusCode === 401) token = undefined
        opened.terminate()
      })
      opened.on('error', () => {})
      opened.on('close', () => {
        clearInterval(again)
        resolve()
      })
    })

  void connect()

  return {
    record,
    get isSettled() {
      return unacknowledged.size === 0
    },
    get lastSeq() {
      return lastSeq ?? 0
    },
    send() {
      const content = `${name} says ${++count} ${'.'.repeat(Math.floor(random() * 500))}`
      record.sent.add(content)
      if (random() < 0.2) return write({ type: 'message', content })
      const nonce = `${name}-${count}`
      unacknowledged.set(nonce, content)
      write({ type: 'message', content, nonce })
    },
    pause(ms) {
      const paused = socket
      paused?.pause()
      setTimeout(() => paused?.resume(), ms)
    },
    close() {
      isClosed = true
      socket?.terminate()
    }
  }
}
