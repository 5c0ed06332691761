/** Sends HTTP requests with `node:http`, because `fetch` changes paths and headers. */
import { Agent, request } from 'node:http'

/** A request to send. The path and the headers are not normalized. A `content-length` header is added if there is a body. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Buffer | undefined
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

/** Creates a client of one service. The client reuses its connections until `close` is called. */
export const createSender = (url: string) => {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true })
  return {
    send: ({ method, path, headers, body }: Sent): Promise<Reply> =>
      new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
        const sent = request({ agent, hostname, port, method, path, headers: { ...length, ...headers } }, reply => {
          const chunks: Buffer[] = []
          reply.on('data', chunk => chunks.push(chunk))
          reply.on('end', () =>
            resolve({
              status: reply.statusCode ?? 0,
              headers: reply.headers as Reply['headers'],
              text: Buffer.concat(chunks).toString()
            })
          )
        })
        sent.on('error', reject)
        sent.end(body)
      }),
    close: () => agent.destroy()
  }
}
