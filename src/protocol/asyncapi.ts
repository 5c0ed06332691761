/** Builds the AsyncAPI 3.0 document, which describes every WebSocket frame with the schema that also validates the frame. */

import { version } from '../lib/package.ts'
import { CLOSE } from './close-codes.ts'
import { ERRORS } from './errors.ts'
import type { DocumentedFrames } from './frames.ts'

const DESCRIPTION = `The WebSocket at \`/ws/chat\`. Frames are JSON objects, one per text message. Both sides ignore unknown fields and types.

Send the token in \`Authorization: Bearer\`, in the subprotocols \`chat.v1, bearer, <token>\`, or in \`?token=\`. \`?rooms=\` lists the rooms to subscribe to at the start. Without \`?rooms=\`, the connection subscribes to \`general\`.`

const messagesOf = (frames: DocumentedFrames, prefix: string) =>
  Object.fromEntries(
    Object.entries(frames).map(([name, { schema, summary }]) => [
      `${prefix}-${name}`,
      { name, title: name, summary, contentType: 'application/json', payload: plain(schema) }
    ])
  )

/**
 * Returns a copy of a schema without TypeBox's symbols and without any `$id`, because the document refers to each frame by its
 * path.
 */
const plain = (schema: object): object =>
  JSON.parse(JSON.stringify(schema, (key, value) => (key === '$id' ? undefined : value)))

const references = (frames: DocumentedFrames, prefix: string) =>
  Object.keys(frames).map(name => ({ $ref: `#/channels/chat/messages/${prefix}-${name}` }))

const table = (rows: readonly (readonly string[])[]): string => rows.map(row => `| ${row.join(' | ')} |`).join('\n')

const closeCodes = (): string =>
  table([['code', 'reason', 'what to do'], ['---', '---', '---'], ...Object.values(CLOSE).map(closeRow)])

const closeRow = ({ code, reason, advice }: { code: number; reason: string; advice: string }): string[] => [
  String(code),
  reason,
  advice
]

const errorCodes = (): string =>
  table([
    ['code', 'what it means', 'what to do'],
    ['---', '---', '---'],
    ...Object.entries(ERRORS).map(([code, { title, advice }]) => [`\`${code}\``, title, advice])
  ])

export interface AsyncApiOptions {
  readonly frames: { readonly client: DocumentedFrames; readonly service: DocumentedFrames }
  /** The URL at which clients reach the service. */
  readonly publicUrl?: string | undefined
}

export const buildAsyncApi = ({ frames, publicUrl = 'http://localhost:8000' }: AsyncApiOptions): object => {
  const { host, protocol, pathname } = new URL(publicUrl)
  return {
    asyncapi: '3.0.0',
    info: { title: 'fastify-chat', version, license: { name: 'MIT' }, description: DESCRIPTION },
    defaultContentType: 'application/json',
    servers: {
      service: {
        host,
        protocol: protocol === 'https:' ? 'wss' : 'ws',
        ...(pathname === '/' ? {} : { pathname }),
        security: [{ $ref: '#/components/securitySchemes/accessToken' }]
      }
    },
    channels: {
      chat: {
        address: '/ws/chat',
        description: `Close codes:\n\n${closeCodes()}\n\nError codes of \`error\` frames and HTTP problems:\n\n${errorCodes()}`,
        bindings: {
          ws: {
            method: 'GET',
            query: {
              type: 'object',
              properties: {
                token: { type: 'string', description: 'The access token, if a header can’t be set.' },
                rooms: { type: 'string', description: 'A comma-separated list of rooms; empty for none.' }
              }
            }
          }
        },
        messages: {
          ...messagesOf(frames.client, 'client'),
          ...messagesOf(frames.service, 'service')
        }
      }
    },
    operations: {
      receive: {
        action: 'receive',
        summary: 'What a client sends. Any frame may have a `ref`, which the response repeats.',
        channel: { $ref: '#/channels/chat' },
        messages: references(frames.client, 'client')
      },
      send: {
        action: 'send',
        summary: 'What the service sends.',
        channel: { $ref: '#/channels/chat' },
        messages: references(frames.service, 'service')
      }
    },
    components: {
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The `access_token` in the response of POST /api/auth/login.'
        }
      }
    }
  }
}
