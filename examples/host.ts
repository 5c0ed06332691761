/**
 * A Fastify app with its own login and an embedded chat: users log in once, and members of a team may use its room.
 * Needs DATABASE_URL (postgres://…) and ENCRYPTION_KEY (`npm run -s chat -- keys generate`). Then:
 *
 *   curl -i localhost:3000/login -H 'content-type: application/json' -d '{"name":"Ann"}'
 *   npx wscat -c ws://localhost:3000/support/ws/chat -H 'Cookie: sid=…'
 */
import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { ChatRejection, createChat } from 'fastify-chat'

const { DATABASE_URL, ENCRYPTION_KEY, PORT = '3000' } = process.env
const app = Fastify({ logger: { level: 'warn' } })

// The app without the chat: users, sessions and login.
const sessions = new Map<string, { id: string; name: string; teams: string[] }>()
app.post<{ Body: { name: string } }>('/login', async ({ body: { name } }, reply) => {
  const sid = randomUUID()
  sessions.set(sid, { id: name.toLowerCase(), name, teams: ['general', 'support'] })
  return reply.header('set-cookie', `sid=${sid}; HttpOnly; SameSite=Strict`).send({ name })
})
const userOf = (cookie = '') => sessions.get(/sid=([\w-]+)/.exec(cookie)?.[1] ?? '')
const teamsOf = (id: string) => [...sessions.values()].find(user => user.id === id)?.teams ?? []

// The chat.
const chat = createChat({
  databaseUrl: DATABASE_URL,
  databaseSchema: 'chat',
  encryptionKey: ENCRYPTION_KEY,
  authenticate: request => userOf(request.headers.cookie),
  authorize: ({ user, room, action }) => action !== 'create' && teamsOf(user.id).includes(room),
  beforeMessage(draft) {
    if (/https?:/.test(draft.content)) throw new ChatRejection('no_links', 'Links are not allowed here.')
    return draft
  }
})
await app.register(chat.plugin, { prefix: '/support' })
app.addHook('onReady', async () => void (await chat.createRoom({ room: 'support', title: 'Support' })))

await app.listen({ port: Number(PORT) })
await chat.post({ as: { id: 'system', name: 'System' }, content: 'The app has started.' })
process.stdout.write(`http://localhost:${PORT}\n`)
