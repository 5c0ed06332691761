/** HTTP as it is sent: Node's own client, which leaves paths and headers as they are (`fetch` tidies them up). */
import { Agent, request } from 'node:http'

/** A request; `path` is sent byte for byte. */
export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Buffer | undefined
}

/** An answer. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

/** A sender of requests to one service, over connections that it keeps. */
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
