/**
 * Calls the main routes for users, rooms and messages through a client that openapi-typescript and openapi-fetch derive from
 * the OpenAPI document. The compilation is part of the test, because the type of every field below comes from the document.
 * ../client.ts calls `flow` with the URL of the service. `flow` throws at the first response that is not as documented.
 */
import createClient from 'openapi-fetch'
import type { components, paths } from './generated/api.js'

type Problem = components['schemas']['ChatProblem']

const ensure: (condition: boolean, what: string) => asserts condition = (condition, what) => {
  if (!condition) throw new Error(`The response is not as documented: ${what}`)
}

/** Returns the problem document of an error response. Throws if the response has another status or code. */
const refused = (error: Problem | undefined, status: number, code: string): Problem => {
  ensure(error?.status === status && error.code === code, `${status} ${code}, but ${JSON.stringify(error)}`)
  return error
}

const credentials = { username: 'john', password: 'SecurePass123' }

/**
 * Registers a user and logs in. Returns the user's id, and a client that sends the user's access token. Also sends invalid
 * requests, and checks their errors.
 */
const logIn = async (baseUrl: string) => {
  const client = createClient<paths>({ baseUrl })
  const { data: user, response } = await client.POST('/api/auth/register', { body: credentials })
  ensure(response.status === 201 && user?.username === 'john', 'register')
  const taken = await client.POST('/api/auth/register', { body: credentials })
  refused(taken.error, 409, 'username_taken')
  const weak = await client.POST('/api/auth/register', { body: { username: '', password: '' } })
  const { errors = [] } = refused(weak.error, 422, 'validation_failed')
  ensure(errors.length > 2 && errors.some(({ path }) => path === '/body/username'), 'all violations at once')

  const anonymous = await client.GET('/api/users/me')
  refused(anonymous.error, 401, 'missing_token')
  const { data: token } = await client.POST('/api/auth/login', { body: credentials })
  ensure(token?.token_type === 'bearer' && token.expires_in > 0, 'login')
  client.use({
    onRequest({ request }) {
      request.headers.set('authorization', `Bearer ${token.access_token}`)
    }
  })
  const { data: me } = await client.GET('/api/users/me')
  ensure(me?.id === user.id, 'me')
  return { client, userId: me.id }
}

type Client = Awaited<ReturnType<typeof logIn>>['client']

const makeRooms = async (client: Client): Promise<string> => {
  const { data: made } = await client.POST('/api/chat/rooms', { body: { room: 'support', title: 'Support' } })
  ensure(made?.seq === 0 && made.title === 'Support', 'a new room')
  const again = await client.POST('/api/chat/rooms', { body: { room: 'support' } })
  refused(again.error, 409, 'room_taken')

  const first = await client.GET('/api/chat/rooms', { params: { query: { limit: 1 } } })
  ensure(first.data?.rooms[0]?.room === 'general' && first.data.has_more, 'the first room')
  const rest = await client.GET('/api/chat/rooms', { params: { query: { after: 'general' } } })
  ensure(rest.data?.rooms.length === 1 && !rest.data.has_more, 'the other room')

  const path = { room: made.room }
  const shown = await client.GET('/api/chat/rooms/{room}', { params: { path } })
  ensure(shown.data?.epoch === made.epoch, 'the room')
  const nowhere = await client.GET('/api/chat/rooms/{room}', { params: { path: { room: 'nowhere' } } })
  refused(nowhere.error, 404, 'room_not_found')
  return made.room
}

const post = async (client: Client, room: string): Promise<void> => {
  const send = (content: string, key: string) =>
    client.POST('/api/chat/rooms/{room}/messages', {
      params: { path: { room }, header: { 'idempotency-key': key } },
      body: { content, meta: { from: 'the contract' } }
    })
  const stored = await send('message 1', 'key-1')
  ensure(stored.response.status === 201 && stored.data?.seq === 1, 'a message')
  const replayed = await send('message 1', 'key-1')
  ensure(replayed.response.status === 200 && replayed.data?.id === stored.data.id, 'the same message')
  refused((await send('something else', 'key-1')).error, 409, 'nonce_reused')
  for (let at = 2; at <= 5; at++) ensure((await send(`message ${at}`, `key-${at}`)).response.status === 201, 'more')
}

const readBack = async (client: Client, room: string, userId: number): Promise<void> => {
  const seen: number[] = []
  let before: number | undefined
  for (;;) {
    const query = { limit: 2, ...(before === undefined ? {} : { before }) }
    const { data } = await client.GET('/api/chat/rooms/{room}/messages', { params: { path: { room }, query } })
    ensure(data !== undefined, 'a page')
    for (const { user_id, content, seq } of data.messages) {
      // `content` is null for an entry that can't be shown. The generated type includes null, so the code must use `?.`.
      ensure(user_id === userId && content?.toUpperCase() === `MESSAGE ${seq}`, 'an entry')
    }
    seen.unshift(...data.messages.map(({ seq }) => seq))
    before = data.messages[0]?.seq
    if (!data.has_more) break
  }
  ensure(seen.join() === '1,2,3,4,5', 'every entry once, in order')

  const general = await client.GET('/api/chat/messages', { params: { query: { limit: 10 } } })
  ensure(general.data?.length === 0, 'an empty room of everyone')
  const presence = await client.GET('/api/chat/rooms/{room}/presence', { params: { path: { room } } })
  ensure(presence.data?.count === 0 && presence.data.users?.length === 0, 'nobody there')
}

export const flow = async (baseUrl: string): Promise<void> => {
  const { client, userId } = await logIn(baseUrl)
  const room = await makeRooms(client)
  await post(client, room)
  await readBack(client, room, userId)
  const { data: health } = await client.GET('/health')
  ensure(health?.status === 'healthy' && health.checks.database === 'ok', 'health')
  const { data: entrance } = await client.GET('/')
  ensure(entrance?.endpoints.openapi === '/openapi.json', 'the entrance')
}
