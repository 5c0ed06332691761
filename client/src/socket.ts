/** One socket from its opening to its end, which is told once: closed, broken, never opened, or fallen silent. */
import type { SocketConstructor, SocketLike, Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { Timing } from './types.ts'

/** A frame as it came: an object with a `type`. */
export interface Frame {
  readonly type: string
  readonly [field: string]: unknown
}

/** How a socket ended. `isOpened` is false when the upgrade was refused or nobody answered; browsers don't tell which. */
export interface SocketEnd {
  readonly code: number
  readonly reason: string
  readonly isOpened: boolean
}

export interface SocketOptions {
  readonly Socket: SocketConstructor
  readonly url: string
  readonly protocols: string[]
  readonly timers: Timers
  readonly timing: Pick<Timing, 'connect' | 'pingInterval' | 'pongTimeout'>
  readonly onFrame: (frame: Frame) => void
  readonly onEnd: (end: SocketEnd) => void
}

export interface OpenSocket {
  send(frame: ClientFrame): void
  /** Ends it from our side; `onEnd` is not called. */
  drop(): void
}

/** Opens one. May throw what the constructor throws. */
export const openSocket = ({ Socket, timers, timing, onFrame, onEnd, ...options }: SocketOptions): OpenSocket => {
  const socket = new Socket(options.url, options.protocols)
  let isOpened = false
  let isHeard = false
  let isEnded = false
  let heardAt = timers.monotonic()
  let cancel = timers.after(timing.connect, () => end(1006, 'The connection could not be made in time.', true))

  const end = (code: number, reason: string, isDead = false): void => {
    if (isEnded) return
    release(isDead)
    onEnd({ code, reason, isOpened })
  }

  const release = (isDead: boolean): void => {
    isEnded = true
    cancel()
    socket.onopen = socket.onmessage = socket.onclose = null
    close(socket, isDead)
  }

  const send = (frame: ClientFrame): void => {
    try {
      socket.send(JSON.stringify(frame))
    } catch {
      // It is closing, which `onclose` tells.
    }
  }

  /** After a silence it asks whether anyone is there; after another it believes that nobody is. */
  const watch = (): void => {
    cancel = timers.after(Math.max(0, heardAt + timing.pingInterval - timers.monotonic()), () => {
      if (timers.monotonic() - heardAt < timing.pingInterval) return watch()
      send({ type: 'ping' })
      const askedAt = timers.monotonic()
      cancel = timers.after(timing.pongTimeout, () => {
        if (heardAt < askedAt) return end(1006, 'The connection fell silent.', true)
        watch()
      })
    })
  }

  socket.onopen = () => {
    isOpened = true
    heardAt = timers.monotonic()
  }
  socket.onmessage = ({ data }: { data: unknown }) => {
    heardAt = timers.monotonic()
    if (!isHeard) {
      // Until here the time to connect ran: a socket that opens and says nothing is no connection.
      isHeard = true
      cancel()
      watch()
    }
    const frame = parse(data)
    if (frame) onFrame(frame)
  }
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => end(code, reason)
  // Without a listener, `ws` would end the process; what happened is told by `onclose`.
  socket.onerror = () => {}

  return {
    send,
    drop() {
      if (!isEnded) release(!isOpened)
    }
  }
}

const close = (socket: SocketLike, isDead: boolean): void => {
  try {
    // A dead peer would not answer a goodbye.
    if (isDead && socket.terminate) socket.terminate()
    else socket.close(1000)
  } catch {
    // It was closed already.
  }
}

const parse = (data: unknown): Frame | undefined => {
  try {
    const frame = JSON.parse(String(data))
    return typeof frame?.type === 'string' ? frame : undefined
  } catch {
    return undefined
  }
}
