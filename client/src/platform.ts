/** Declares the platform functions that the SDK uses, so that it compiles without the types of the DOM and of Node. */

/** The part of `fetch` that the SDK uses. */
export type FetchLike = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal: AbortSignal }
) => Promise<ResponseLike>

/** The part of a `Response` that the SDK uses. */
export interface ResponseLike {
  readonly ok: boolean
  readonly status: number
  readonly headers: { get(name: string): string | null }
  text(): Promise<string>
}

/** The part of a `WebSocket` that the SDK uses. Browsers, Node (22 and later) and the package `ws` provide it. */
export interface SocketLike {
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(data: string): void
  close(code?: number, reason?: string): void
  /** Closes the connection without a close frame. Only `ws` provides it. */
  terminate?(): void
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike

/** Provides times, timers and random numbers. Tests pass their own implementation. */
export interface Timers {
  /**
   * Returns the wall-clock time in milliseconds since the epoch. It may jump, so it is used only for times that are shown or
   * stored.
   */
  now(): number
  /** Returns the time of a monotonic clock in milliseconds. Every duration and deadline is measured with this clock. */
  monotonic(): number
  /** Calls `work` once after `ms` milliseconds, unless the returned function is called earlier. */
  after(ms: number, work: () => void): () => void
  /** Returns a random number, at least 0 and below 1. */
  random(): number
}

export const systemTimers: Timers = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, work) {
    // setTimeout treats a delay above 2^31 - 1 ms as 1 ms.
    const timer = setTimeout(work, Math.min(ms, 2_147_483_647))
    return () => clearTimeout(timer)
  },
  random: () => Math.random()
}

/** The error message if there is no WebSocket constructor. */
export const NO_WEBSOCKET = 'No WebSocket found. Install `ws`, or pass `WebSocket`.'

/** Returns the default WebSocket constructor: the global one, or that of the package `ws` if it is installed. */
export const findWebSocket = async (): Promise<SocketConstructor | undefined> => {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor }
  if (WebSocket) return WebSocket
  try {
    // Hides the package name from bundlers, so that they don't look for the package. Browsers never run this line, because
    // they have a WebSocket.
    const name = ['w', 's'].join('')
    const ws: { WebSocket: SocketConstructor } = await import(/* @vite-ignore */ /* webpackIgnore: true */ name)
    return ws.WebSocket
  } catch {
    return undefined
  }
}
