/**
 * Maintains the client's connection: opens a new socket when the previous one has ended, and reports the state (connecting,
 * online, waiting or offline). Gets tokens, handles close codes, and renews the token of the open connection. Doesn't handle
 * rooms or messages.
 */
import type { ChatApi } from './api.ts'
import { createBackoff } from './backoff.ts'
import { closeActionOf } from './close-action.ts'
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
  /** Called with the first frame of a connection, before the state is reported as `online`. */
  readonly onGreeting: (frame: Frame) => void
  readonly onFrame: (frame: Frame) => void
  readonly onState: (state: ConnectionState) => void
  readonly onError: (error: Error) => void
  /** Called with the close code of the socket when the connection is no longer online. */
  readonly onLost: (code: number) => void
}

export interface Link {
  readonly state: ConnectionState
  /** Sends a frame if the connection is online. Returns whether the frame was sent. */
  send(frame: ClientFrame): boolean
  connect(): void
  close(reason?: OfflineReason, detail?: string): void
}

/** Creates the link. Its initial state is `connecting`, although the first attempt starts only when `connect` is called. */
export const createLink = (options: LinkOptions): Link => {
  const { tokens, timers, timing, onState } = options
  const backoff = createBackoff(timers, timing)
  let state: ConnectionState = { status: 'connecting' }
  let isStarted = false
  let socket: OpenSocket | undefined
  let cancel = () => {}
  // The number of the current run, which is an attempt, a connection or a wait. Callbacks of earlier runs are ignored.
  let run = 0
  let refusals = 0
  /** The close code of the socket, or 1000 if the socket has not been closed, or if this client closed it. */
  let endedWith = 1000
  let afterMs: number | undefined
  let retryAfterMs: number | undefined

  const setState = (next: ConnectionState): void => {
    const wasOnline = state.status === 'online'
    state = next
    if (wasOnline) options.onLost(endedWith)
    if (state === next) onState(next)
  }

  /**
   * Cancels the current attempt or wait and starts a new run. Returns a function that checks whether the new run is still
   * current.
   */
  const startRun = (): (() => boolean) => {
    const mine = ++run
    cancel()
    renewal.stop()
    socket?.drop()
    socket = undefined
    return () => run === mine
  }

  const stop = (reason: OfflineReason, detail: string): void => {
    startRun()
    setState({ status: 'offline', reason, detail })
  }

  /** Schedules the next attempt in `ms` milliseconds. An `httpStatus` of 0 means that there was no response. */
  const wait = (reason: WaitingReason, detail: string, ms: number, httpStatus = 0): void => {
    startRun()
    cancel = timers.after(ms, () => void attempt())
    const until = timers.now() + ms
    setState({ status: 'waiting', until, reason, detail, ...(httpStatus === 0 ? {} : { httpStatus }) })
  }

  const attempt = async (): Promise<void> => {
    const isCurrent = startRun()
    afterMs = retryAfterMs = undefined
    setState({ status: 'connecting' })
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

  /** Handles a failure to get a token or to create a socket. */
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
      onFrame: frame => handle(frame),
      onEnd(end) {
        if (!isCurrent()) return
        socket = undefined
        endedWith = end.code
        if (end.isOpened) ended(end)
        else void clarify()
      }
    })
  }

  const handle = (frame: Frame): void => {
    if (state.status !== 'online' && frame.type === 'system' && frame.event === 'connected')
      return handleGreeting(frame)
    if (frame.type === 'reconnect') afterMs = Number(frame.after_ms ?? 0)
    if (frame.type === 'error') retryAfterMs = frame.retry_after_ms as number | undefined
    if (renewal.handle(frame)) return
    if (state.status === 'online') options.onFrame(frame)
  }

  const handleGreeting = (frame: Frame): void => {
    cancel = timers.after(timing.stable, () => {
      refusals = 0
      backoff.reset()
    })
    renewal.start(frame)
    state = { status: 'online', since: timers.now() }
    endedWith = 1000
    options.onGreeting(frame)
    if (state.status === 'online') onState(state)
  }

  const ended = ({ code, reason }: SocketEnd): void => {
    const action = closeActionOf(code)
    const detail = reason || `The connection was closed with code ${code}.`
    // After a `reconnect` frame, the client reconnects after `after_ms`, whatever the close code is. The exception is 4401,
    // which requires a new token.
    if (afterMs !== undefined && action.type !== 'renew') return wait('restart', detail, afterMs)
    if (action.type === 'stop') return stop(action.reason, detail)
    if (action.type === 'renew') return refused(detail)
    const atLeast = action.reason === 'limited' ? retryAfterMs : 0
    wait(action.reason, detail, backoff.next(atLeast))
  }

  /**
   * Handles a token that the service refused. Retries with a new token: immediately after the first refusal, and with backoff
   * after each further one.
   */
  const refused = (detail: string): void => {
    tokens.refuse()
    if (++refusals > 1) wait('token', detail, backoff.next())
    else void attempt()
  }

  /** Makes an HTTP call to find out why a socket didn't open, because browsers don't report the reason. */
  const clarify = async (): Promise<void> => {
    const isCurrent = startRun()
    try {
      await options.api.me()
      if (isCurrent()) wait('refused', 'The connection was refused.', backoff.next())
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
      if (isStarted && (state.status === 'connecting' || state.status === 'online')) return
      isStarted = true
      void attempt()
    },
    close(reason = 'closed', detail = 'The app closed the connection.') {
      stop(reason, detail)
    }
  }
}
