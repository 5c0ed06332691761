/** Makes the HTTP calls of the SDK. They reject only with a ChatApiError. */
import { ChatApiError, type ChatApiErrorOptions } from './errors.ts'
import type { FetchLike, ResponseLike, Timers } from './platform.ts'
import { systemTimers } from './platform.ts'

export interface CallOptions {
  /** The URL of the service, including its path prefix if it has one. */
  readonly url: string
  /** The access token, or a function that returns it. Calls that need no token, such as `login`, don't use it. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>)
  readonly fetch?: FetchLike
  /** Timeout in milliseconds for a call. Default: 10,000. */
  readonly timeout?: number
  readonly timers?: Timers
}

interface CallDetails {
  readonly body?: object
  readonly query?: object
  readonly headers?: Record<string, string>
  /** Whether the call is sent without the access token. */
  readonly isPublic?: boolean
  /** Whether the body of the response is returned as text. By default it is parsed as JSON. */
  readonly isText?: boolean
  /** Replaces the default timeout. */
  readonly timeout?: number
}

/**
 * Calls the service. Resolves with the parsed body of the response, or with undefined if the body is empty. With `isText`,
 * resolves with the body as text.
 */
export type Call = <Body>(method: string, path: string, details?: CallDetails) => Promise<Body>

/** Creates the function that calls one service. */
export const createCall = ({ url, token, fetch, timeout = 10_000, timers = systemTimers }: CallOptions): Call => {
  const base = url.replace(/\/+$/, '')
  const send: FetchLike = fetch ?? ((target, init) => globalThis.fetch(target, init))

  return async <Body>(method: string, path: string, details: CallDetails = {}): Promise<Body> => {
    const { body, query, headers, isPublic, isText } = details
    const bearer = isPublic ? undefined : await tokenOf(token)
    const abort = new AbortController()
    const stop = timers.after(details.timeout ?? timeout, () => abort.abort())
    try {
      const response = await send(base + path + queryOf(query), {
        method,
        headers: {
          accept: 'application/json',
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...headers
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: abort.signal
      })
      const text = await response.text()
      if (!response.ok) throw new ChatApiError(problemOf(response, text))
      return (isText ? text : text === '' ? undefined : JSON.parse(text)) as Body
    } catch (cause) {
      throw errorOf(cause, abort.signal.aborted)
    } finally {
      stop()
    }
  }
}

const errorOf = (cause: unknown, isTimeout: boolean): ChatApiError => {
  if (cause instanceof ChatApiError) return cause
  return isTimeout
    ? new ChatApiError({ status: 0, code: 'timeout', detail: 'The service did not respond in time. Try again.', cause })
    : new ChatApiError({ status: 0, code: 'network_error', detail: 'The service cannot be reached.', cause })
}

const tokenOf = async (token: CallOptions['token']): Promise<string | undefined> => {
  try {
    return typeof token === 'function' ? await token() : token
  } catch (cause) {
    if (cause instanceof ChatApiError) throw cause
    throw new ChatApiError({ status: 0, code: 'no_token', detail: 'The app could not get an access token.', cause })
  }
}

const queryOf = (query: object = {}): string => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`
}

/**
 * Returns the options of the error for a response that isn't 2xx. If the body is not a problem document, for example because a
 * proxy sent it, the status determines the code.
 */
const problemOf = ({ status, headers }: ResponseLike, text: string): ChatApiErrorOptions => {
  const problem = parse(text)
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return {
    status,
    code: typeof problem.code === 'string' ? problem.code : status >= 500 ? 'unavailable' : 'bad_request',
    detail: typeof problem.detail === 'string' ? problem.detail : `The service responded with status ${status}.`,
    ...(Array.isArray(problem.errors) ? { errors: problem.errors } : {}),
    ...(Array.isArray(problem.methods) ? { methods: problem.methods } : {}),
    ...(typeof problem.challenge === 'string' ? { challenge: problem.challenge } : {}),
    ...(typeof problem.until === 'string' ? { until: problem.until } : {}),
    ...(typeof problem.instance === 'string' ? { instance: problem.instance } : {}),
    ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {})
  }
}

const parse = (text: string): Record<string, unknown> => {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
