/**
 * The connection over all its sockets: connecting, online, waiting, offline. It asks for tokens, obeys close codes and keeps
 * the live connection's token fresh. Of rooms and messages it knows nothing.
 */
import type { ChatApi } from './api.ts'
import { createBackoff } from './backoff.ts'
import { adviceOf } from './closing.ts'
import { ChatApiError } from './errors.ts'
import { NO_WEBSOCKET, type SocketConstructor, type Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import { createRenewal } from './renewal.ts'
import { type Frame, type OpenSocket, openSocket, type SocketEnd } from './socket.ts'
import type { Tokens } from './tokens.ts'
import type { ConnectionState, OfflineReason, Timing, WaitingReason } from './types.ts'

export interface LinkOptions {
  readonly url: string
  readonly tokens: Tokens
  readonly api: Pick<ChatApi, 'me'>
  readonly findSocket: () => SocketConstructor | Promise<SocketConstructor | undefined>
  readonly timers: Timers
  readonly timing: Timing
  /** The first frame of a connection; the state is `online` when it returns. */
  readonly onGreeting: (frame: Frame) => void
  readonly onFrame: (frame: Frame) => void
  readonly onState: (state: ConnectionState) => void
  readonly onError: (error: Error) => void
  /** A socket that was online has ended, with this code. */
  readonly onLost: (code: number) => void
}

export interface Link {
  readonly state: ConnectionState
  /** Sends, if online; answers whether it did. */
  send(frame: ClientFrame): boolean
  connect(): void
  close(reason?: OfflineReason, detail?: string): void
}

/** Makes it; it begins with the first `connect`, and says `connecting` until then. */
export const createLink = (options: LinkOptions): Link => {
  const { tokens, timers, timing, onState } = options
  const backoff = createBackoff(timers, timing)
  let state: ConnectionState = { status: 'connecting' }
  let isBegun = false
  let socket: OpenSocket | undefined
  let cancel = () => {}
  // Whatever was begun by an earlier attempt must not touch a later one.
  let run = 0
  let refusals = 0
  let endedWith = 1000
  let afterMs: number | undefined
  let retryAfterMs: number | undefined

  const enter = (next: ConnectionState): void => {
    const wasOnline = state.status === 'online'
    state = next
    if (wasOnline) options.onLost(endedWith)
    if (state === next) onState(next)
  }

  /** Ends what was, and begins something new; answers whether that is still what is going on. */
  const begin = (): (() => boolean) => {
    const mine = ++run
    cancel()
    renewal.stop()
    socket?.drop()
    socket = undefined
    return () => run === mine
  }

  const stop = (reason: OfflineReason, detail: string): void => {
    begin()
    enter({ status: 'offline', reason, detail })
  }

  /** An `httpStatus` of 0 is that of a call without a response. */
  const wait = (reason: WaitingReason, detail: string, ms: number, httpStatus = 0): void => {
    begin()
    cancel = timers.after(ms, () => void attempt())
    const until = timers.now() + ms
    enter({ status: 'waiting', until, reason, detail, ...(httpStatus === 0 ? {} : { httpStatus }) })
  }

  const attempt = async (): Promise<void> => {
    const isCurrent = begin()
    afterMs = retryAfterMs = undefined
    enter({ status: 'connecting' })
    try {
      const token = await tokens.usable()
      const Socket = await options.findSocket()
      if (!isCurrent()) return
      if (Socket) open(Socket, token, isCurrent)
      else stop('unsupported', NO_WEBSOCKET)
    } catch (error) {
      if (isCurrent()) failed(error)
    }
  }

  /** No token, or no socket to be had. */
  const failed = (error: unknown): void => {
    const detail = error instanceof Error ? error.message : String(error)
    const known = error instanceof ChatApiError ? error : undefined
    if (known?.status === 401) return stop('unauthorized', detail)
    options.onError(error instanceof Error ? error : new Error(detail))
    wait(known?.status === 0 ? 'unreachable' : 'token', detail, backoff.next(known?.retryAfterMs), known?.status)
  }

  const open = (Socket: SocketConstructor, token: string, isCurrent: () => boolean): void => {
    socket = openSocket({
      Socket,
      url: options.url,
      protocols: ['chat.v1', 'bearer', token],
      timers,
      timing,
      onFrame: frame => hear(frame),
      onEnd(end) {
        if (!isCurrent()) return
        socket = undefined
        endedWith = end.code
        if (end.isOpened) ended(end)
        else void clarify()
      }
    })
  }

  const hear = (frame: Frame): void => {
    if (state.status !== 'online' && frame.type === 'system' && frame.event === 'connected') return greeted(frame)
    if (frame.type === 'reconnect') afterMs = Number(frame.after_ms ?? 0)
    if (frame.type === 'error') retryAfterMs = frame.retry_after_ms as number | undefined
    if (renewal.hear(frame)) return
    if (state.status === 'online') options.onFrame(frame)
  }

  const greeted = (frame: Frame): void => {
    cancel = timers.after(timing.stable, () => {
      refusals = 0
      backoff.reset()
    })
    renewal.start(frame)
    state = { status: 'online', since: timers.now() }
    options.onGreeting(frame)
    if (state.status === 'online') onState(state)
  }

  const ended = ({ code, reason }: SocketEnd): void => {
    const advice = adviceOf(code)
    const detail = reason || `The connection was closed (${code}).`
    // Who was asked to come back comes back, whatever the connection was closed with.
    if (afterMs !== undefined && advice.does !== 'renew') return wait('restart', detail, afterMs)
    if (advice.does === 'stop') return stop(advice.reason, detail)
    if (advice.does === 'renew') return refused(detail)
    const atLeast = advice.reason === 'limited' ? retryAfterMs : 0
    wait(advice.reason, detail, backoff.next(atLeast))
  }

  /** The token was not accepted: at once with another, but not again and again. */
  const refused = (detail: string): void => {
    tokens.refuse()
    if (++refusals > 1) wait('token', detail, backoff.next())
    else void attempt()
  }

  /** A socket didn't open. A browser doesn't say why; the service does. */
  const clarify = async (): Promise<void> => {
    const isCurrent = begin()
    try {
      await options.api.me()
      if (isCurrent()) wait('refused', 'The service lets no connection in at the moment.', backoff.next())
    } catch (error) {
      if (!isCurrent()) return
      if (!(error instanceof ChatApiError) || error.code === 'no_token') return failed(error)
      if (error.status === 401) return refused(error.detail)
      const { status, detail, retryAfterMs } = error
      wait(status === 0 ? 'unreachable' : 'refused', detail, backoff.next(retryAfterMs), status)
    }
  }

  const renewal = createRenewal({
    tokens,
    timers,
    send: frame => socket?.send(frame),
    onError: options.onError,
    onWrongUser: detail => stop('unauthorized', detail)
  })

  return {
    get state() {
      return state
    },
    send(frame) {
      if (state.status !== 'online' || !socket) return false
      socket.send(frame)
      return true
    },
    connect() {
      if (isBegun && (state.status === 'connecting' || state.status === 'online')) return
      isBegun = true
      void attempt()
    },
    close(reason = 'closed', detail = 'Closed by the app.') {
      endedWith = 1000
      stop(reason, detail)
    }
  }
}
