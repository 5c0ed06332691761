/** Calls the routes of rooms and members as several users, and compares responses. */
import { expect } from 'vitest'
import { type Person, type RunningChat, type StartOptions, startChat } from './start-chat.ts'

export const ROOMS = '/api/chat/rooms'

/** Adds short functions for rooms and members to a running chat. */
export const withRooms = (chat: RunningChat) => {
  const as = ({ token }: Person, method: string, path: string, body?: unknown) =>
    chat.call(method, path, { token, ...(body === undefined ? {} : { body }) })
  return {
    as,
    create: async (person: Person, body: object) => (await as(person, 'POST', ROOMS, body)).body,
    put: (person: Person, room: string, user: number | 'me', body?: object) =>
      as(person, 'PUT', `${ROOMS}/${room}/members/${user}`, body),
    remove: (person: Person, room: string, user: number | 'me') =>
      as(person, 'DELETE', `${ROOMS}/${room}/members/${user}`),
    /** Returns the roles in a room by username. */
    async roles(person: Person, room: string): Promise<Record<string, string>> {
      const { body } = await as(person, 'GET', `${ROOMS}/${room}/members`)
      return Object.fromEntries(body.members.map(({ username, role }: Record<string, string>) => [username, role]))
    },
    /** Makes a user a member of `count` rooms that do not exist. */
    fillRooms: ({ id }: Person, count: number) =>
      chat.database.client.query(
        `insert into "${chat.database.schema}".members (room_id, user_id)
         select 1000000 + n, $1 from generate_series(1, $2::integer) as n`,
        [id, count]
      ),
    /** Makes a user an administrator. */
    promote: ({ id }: Person) =>
      chat.database.client.query(`update "${chat.database.schema}".users set role = 'admin' where id = $1`, [id])
  }
}

/** Starts the service, without limits on messages and reads, with users of these names. */
export const startRooms = async (names: readonly string[], { settings, ...options }: StartOptions = {}) => {
  const chat = await startChat({ settings: { messageRateLimit: 0, readRateLimit: 0, ...settings }, ...options })
  const people: Person[] = []
  for (const name of names) people.push(await chat.register(name))
  return { ...chat, ...withRooms(chat), people: people as [Person, Person, Person, Person] }
}

/** Returns the status and the body of an error response. Masks `instance`, which is different in each response. */
export const seen = ({ status, body }: { status: number; body: { instance?: string } }) => ({
  status,
  body: { ...body, instance: expect.any(String) }
})
