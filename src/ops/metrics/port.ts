/** Serves the metrics on a port of their own, which should not be reachable from outside. */
import type { Server, ServerResponse } from 'node:http'
import { promisify } from 'node:util'

export interface MetricsPortOptions {
  /** A new HTTP server. */
  readonly server: Server
  readonly collect: () => Promise<{ readonly text: string; readonly type: string }>
  readonly host: string
  readonly port: number
}

export interface MetricsPort {
  /** Starts to listen. Rejects if the port cannot be used. */
  open(): Promise<void>
  close(): Promise<void>
}

/** Timeout in milliseconds for a client to send its request, and for a pause of the client while it reads the response. */
const TIMEOUT_MS = 10_000

export const serveMetrics = ({ server, collect, host, port }: MetricsPortOptions): MetricsPort => {
  server.on('request', ({ method, url = '' }, response) => {
    if (method !== 'GET' || url.split('?', 1)[0] !== '/metrics')
      return send(response, 404, 'Not found. Use GET /metrics.\n')
    collect().then(
      ({ text, type }) => send(response, 200, text, type),
      () => send(response, 500, 'The metrics could not be collected.\n')
    )
  })
  server.requestTimeout = server.headersTimeout = TIMEOUT_MS
  server.setTimeout(TIMEOUT_MS)
  server.maxConnections = 20
  // A client that sends many requests on a connection and reads nothing would make the process hold a response for each of them.
  server.maxRequestsPerSocket = 1
  return {
    async open() {
      await new Promise<void>((resolve, reject) => {
        server.once('error', cause =>
          reject(new Error(`METRICS_PORT (metricsPort) ${port} cannot be used. Choose a free port.`, { cause }))
        )
        server.listen(port, host, resolve)
      })
      // The port alone must not keep the process running.
      server.unref()
    },
    async close() {
      if (!server.listening) return
      server.closeAllConnections()
      await promisify(server.close.bind(server))()
    }
  }
}

const send = (response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  response.end(text)
}
