/** Sends HTTP requests to a service. */

export interface CallOptions {
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any field of a response.
  readonly body: any
}

/** Sends a request. `body` is sent as JSON, or unchanged if it is a string. `token` is sent in `Authorization`. */
export type HttpCall = (method: string, path: string, options?: CallOptions) => Promise<HttpResponse>

/** Returns a function that sends requests to the service at `url`. */
export const httpOf =
  (url: string): HttpCall =>
  async (method, path, { token, body, headers } = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) })
    })
    const text = await response.text()
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
