/**
 * Runs a bot that uses the SDK. The bot replies "pong" to each "!ping", exactly once even if the service restarts or the
 * network fails. Needs a running service. CHAT_URL and ROOM set another address and another room.
 */
import { createChatApi, createChatClient } from 'fastify-chat/client'

const { CHAT_URL: url = 'http://localhost:8000', ROOM = 'general' } = process.env
const [username, password] = ['ping-bot', 'SecurePass123']

const api = createChatApi({ url })
// Ignores the error. After the first run, the bot is registered already, so the service responds with 409.
await api.register(username, password).catch(() => {})
const chat = createChatClient({ url, token: async () => (await api.login(username, password)).access_token })
chat.on('state', ({ status }) => process.stdout.write(`${status}\n`))

const room = chat.room(ROOM)
for await (const { username: from, content } of room.messages()) {
  if (content?.trim() === '!ping') room.send(`pong, ${from}`)
}
