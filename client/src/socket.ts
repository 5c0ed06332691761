/**
 * Opens one socket, receives its frames, and reports its end once: the socket was closed, broke, did not open in time, or
 * became silent.
 */
import type { SocketConstructor, SocketLike, Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { Timing } from './types.ts'

/** A received frame, which is an object with a `type`. */
export interface Frame {
  readonly type: string
  readonly [field: string]: unknown
}

/**
 * The end of a socket. `isOpened` is false if the upgrade was refused or failed. Browsers don't report which of the two happened.
 */
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
  /** Closes the socket without calling `onEnd`. */
  drop(): void
}

/** Opens a socket. Throws any error that the constructor throws. */
export const openSocket = ({ Socket, timers, timing, onFrame, onEnd, ...options }: SocketOptions): OpenSocket => {
  const socket = new Socket(options.url, options.protocols)
  let isOpened = false
  let hasReceived = false
  let isEnded = false
  let receivedAt = timers.monotonic()
  let cancel = timers.after(timing.connect, () => end(1006, 'The connection was not opened in time.', true))

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
    const text = JSON.stringify(frame)
    try {
      socket.send(text)
    } catch {
      // Ignored, because `onclose` reports the end of a socket that can't send.
    }
  }

  /** Sends a ping after `pingInterval` of silence, and ends the socket after `pongTimeout` of further silence. */
  const watch = (): void => {
    cancel = timers.after(Math.max(0, receivedAt + timing.pingInterval - timers.monotonic()), () => {
      if (timers.monotonic() - receivedAt < timing.pingInterval) return watch()
      send({ type: 'ping' })
      const pingedAt = timers.monotonic()
      cancel = timers.after(timing.pongTimeout, () => {
        if (receivedAt < pingedAt) return end(1006, 'The service stopped responding.', true)
        watch()
      })
    })
  }

  socket.onopen = () => {
    isOpened = true
    receivedAt = timers.monotonic()
  }
  socket.onmessage = ({ data }: { data: unknown }) => {
    receivedAt = timers.monotonic()
    if (!hasReceived) {
      // The connect timeout ends only with the first frame, so that a socket that opens but stays silent fails.
      hasReceived = true
      cancel()
      watch()
    }
    const frame = parse(data)
    if (frame) onFrame(frame)
  }
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => end(code, reason)
  // Without a listener, an error of `ws` would end the process. `onclose` reports the failure.
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
    // A dead peer would not respond to a close frame.
    if (isDead && socket.terminate) socket.terminate()
    else socket.close(1000)
  } catch {
    // Ignored, because the socket is already closed.
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
