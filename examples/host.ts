/**
 * Runs a Fastify app with its own login and an embedded chat. Users log in once, and members of a team may use its room. Each
 * customer has a private room, to which an order is published in the transaction that stores it.
 * Needs DATABASE_URL (postgres://…) and ENCRYPTION_KEY (`npm run -s chat -- keys generate`). Then:
 *
 *   curl -i localhost:3000/login -H 'content-type: application/json' -d '{"name":"Ann"}'
 *   npx wscat -c ws://localhost:3000/support/ws/chat -H 'Cookie: sid=…'
 *   curl localhost:3000/orders -H 'content-type: application/json' -H 'Cookie: sid=…' -d '{"item":"Tea"}'
 */
import { randomUUID } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import { ChatRejection, createChat } from 'fastify-chat'
import postgres from 'postgres'

const { DATABASE_URL = '', ENCRYPTION_KEY, PORT = '3000' } = process.env
const app = Fastify({ logger: { level: 'warn' } })
const sql = postgres(DATABASE_URL, { onnotice: () => {} })
app.addHook('onClose', () => sql.end())
await sql`create table if not exists orders (id serial primary key, customer text not null, item text not null)`

// Defines the app without the chat: users, sessions and login.
const sessions = new Map<string, { id: string; name: string; teams: string[] }>()
app.post<{ Body: { name: string } }>('/login', async ({ body: { name } }, reply) => {
  const sid = randomUUID()
  sessions.set(sid, { id: name.toLowerCase(), name, teams: ['general', 'support'] })
  return reply.header('set-cookie', `sid=${sid}; HttpOnly; SameSite=Strict`).send({ name })
})
const userOf = (cookie = '') => sessions.get(/sid=([\w-]+)/.exec(cookie)?.[1] ?? '')
const teamsOf = (id: string) => [...sessions.values()].find(user => user.id === id)?.teams ?? []

// Embeds the chat with the users of the app.
const system = { id: 'system', name: 'System' }
const roomOf = (customer: string) => `orders.${customer}`
const chat = createChat({
  databaseUrl: DATABASE_URL,
  databaseSchema: 'chat',
  encryptionKey: ENCRYPTION_KEY,
  authenticate: request => userOf(request.headers.cookie),
  // Allows every user in the rooms of orders, because the chat itself rejects users who are not members of a private room.
  authorize: ({ user, room, action }) =>
    action !== 'create' && (room.startsWith('orders.') || teamsOf(user.id).includes(room)),
  kinds: { 'acme.order': Type.Object({ order: Type.Integer(), item: Type.String({ maxLength: 100 }) }) },
  beforeMessage(draft) {
    if (/https?:/.test(draft.content)) throw new ChatRejection('no_links', 'Links are not allowed here.')
    return draft
  }
})
await app.register(chat.plugin, { prefix: '/support' })
app.addHook('onReady', async () => void (await chat.createRoom({ room: 'support', title: 'Support' })))

chat.on('entry', entry => {
  if (entry.type === 'acme.order') process.stdout.write(`Order ${entry.data.order} is in ${entry.room}\n`)
})

app.post<{ Body: { item: string } }>('/orders', async (request, reply) => {
  const user = userOf(request.headers.cookie)
  if (!user) return reply.code(401).send()
  const room = roomOf(user.id)
  await chat.createRoom({ room, visibility: 'private' })
  await chat.addMembers(room, [user, system])
  return sql.begin(async transaction => {
    const rows =
      await transaction`insert into orders ${transaction({ customer: user.id, item: request.body.item })} returning id`
    const data = { order: Number(rows[0]?.id), item: request.body.item }
    // Publishes last, because the room is locked until the transaction is committed. The customer sees the order only if the
    // transaction stores it.
    await chat.append({ room, as: system, kind: 'acme.order', data, transaction })
    await chat.post({ room, as: system, content: 'Thank you for your order.', transaction })
    return data
  })
})

await app.listen({ port: Number(PORT) })
await chat.post({ as: system, content: 'The app has started.' })
process.stdout.write(`http://localhost:${PORT}\n`)
