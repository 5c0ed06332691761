/** The AsyncAPI 3.0 document: every WebSocket frame, from the schemas that validate them. */

import { version } from '../lib/package.ts'
import { CLOSE } from './close-codes.ts'
import { ERRORS } from './errors.ts'
import { clientFrames, serverFrames } from './frames.ts'

const DESCRIPTION = `The WebSocket at \`/ws/chat\`. Frames are JSON objects, one a text message. Both sides ignore fields and types that they don't know.

A token is taken from \`Authorization: Bearer\`, from the subprotocols \`chat.v1, bearer, <token>\`, or from \`?token=\`. \`?rooms=\` lists the rooms to follow from the start, \`general\` when absent.`

/** What a frame is for: the summary of each, by name. */
const TO_SERVICE: Record<keyof typeof clientFrames, string> = {
  message: 'Send a message',
  subscribe: 'Follow a room, from where one left off',
  unsubscribe: 'Stop following a room',
  typing: 'Say that one is typing',
  auth: 'Replace the token of the connection',
  ping: 'Ask for a pong'
}

const TO_CLIENT: Record<keyof typeof serverFrames, string> = {
  system: 'Who one is, who came and who left',
  message: 'A message, committed',
  ack: 'A send is committed',
  subscribed: 'A room is followed from here on',
  resync: 'What was missed can’t be delivered whole',
  unsubscribed: 'A room is no longer followed',
  heads: 'How far the followed rooms reach',
  typing: 'Someone is typing',
  presence: 'Who is in a room',
  reconnect: 'A planned stop: when to come back',
  authenticated: 'The new token was accepted',
  error: 'A frame was refused',
  pong: 'The answer to ping'
}

type Frames = Readonly<Record<string, object>>

const messagesOf = (frames: Frames, summaries: Readonly<Record<string, string>>, prefix: string) =>
  Object.fromEntries(
    Object.entries(frames).map(([name, payload]) => [
      `${prefix}-${name}`,
      { name, title: name, summary: summaries[name], contentType: 'application/json', payload: plain(payload) }
    ])
  )

/** Without what JSON Schema doesn't know: TypeBox's symbols, and the `$id`s that would make references of their own. */
const plain = (schema: object): object =>
  JSON.parse(JSON.stringify(schema, (key, value) => (key === '$id' ? undefined : value)))

const references = (frames: Frames, prefix: string) =>
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

/** The document, for a service that clients reach at `publicUrl`. */
export const buildAsyncApi = (publicUrl = 'http://localhost:8000'): object => {
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
        description: `Close codes:\n\n${closeCodes()}\n\nError codes, of \`error\` frames and of HTTP problems alike:\n\n${errorCodes()}`,
        bindings: {
          ws: {
            method: 'GET',
            query: {
              type: 'object',
              properties: {
                token: { type: 'string', description: 'The access token, where a header can’t be set.' },
                rooms: { type: 'string', description: 'A comma list; empty for none.' }
              }
            }
          }
        },
        messages: {
          ...messagesOf(clientFrames, TO_SERVICE, 'client'),
          ...messagesOf(serverFrames, TO_CLIENT, 'service')
        }
      }
    },
    operations: {
      receive: {
        action: 'receive',
        summary: 'What a client sends. Any frame may carry `ref`, echoed in its answer.',
        channel: { $ref: '#/channels/chat' },
        messages: references(clientFrames, 'client')
      },
      send: {
        action: 'send',
        summary: 'What the service sends.',
        channel: { $ref: '#/channels/chat' },
        messages: references(serverFrames, 'service')
      }
    },
    components: {
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The answer of POST /api/auth/login.'
        }
      }
    }
  }
}
