/** The few things of the platform that the SDK uses, as interfaces of its own: it needs neither DOM types nor Node's. */

/** The part of `fetch` that is used. */
export type FetchLike = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal: AbortSignal }
) => Promise<ResponseLike>

/** The part of a `Response` that is used. */
export interface ResponseLike {
  readonly ok: boolean
  readonly status: number
  readonly headers: { get(name: string): string | null }
  text(): Promise<string>
}

/** The part of a `WebSocket` that is used: the browser's, Node's (22 and later) and that of `ws` have it. */
export interface SocketLike {
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(data: string): void
  close(code?: number, reason?: string): void
  /** Only `ws` has it: drops the connection without a goodbye. */
  terminate?(): void
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike

/** Time, timers and chance. */
export interface Timers {
  /** Wall-clock time: milliseconds since the epoch. It may jump; used for points in time that are shown or stored. */
  now(): number
  /** Milliseconds since an arbitrary point, never going back. Every duration and deadline is measured with it. */
  monotonic(): number
  /** Calls `work` once after `ms`, unless the returned function is called before. */
  after(ms: number, work: () => void): () => void
  /** At least 0, below 1. */
  random(): number
}

export const systemTimers: Timers = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, work) {
    // setTimeout takes anything above 2^31 - 1 for 1.
    const timer = setTimeout(work, Math.min(ms, 2_147_483_647))
    return () => clearTimeout(timer)
  },
  random: () => Math.random()
}

/** What to do where there is no constructor of sockets. */
export const NO_WEBSOCKET =
  'This platform has no WebSocket. Run `npm install ws`, or give createChatClient a `WebSocket`.'

/** The constructor of sockets where none was given: the global one, else that of the package `ws`, if it is installed. */
export const findWebSocket = async (): Promise<SocketConstructor | undefined> => {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor }
  if (WebSocket) return WebSocket
  try {
    // A name that bundlers can't see: in a browser this line is never reached.
    const name = ['w', 's'].join('')
    const ws: { WebSocket: SocketConstructor } = await import(/* @vite-ignore */ /* webpackIgnore: true */ name)
    return ws.WebSocket
  } catch {
    return undefined
  }
}
