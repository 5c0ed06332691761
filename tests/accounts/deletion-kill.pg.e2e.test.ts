/** Tests that another process continues a deletion whose process was killed, and that nothing is erased or reported twice. */
import { expect, inject, test } from 'vitest'
import { startBuilt } from '../support/built-service.ts'
import { testDatabase } from '../support/database.ts'

const ROOMS = 40
const MESSAGES = 450
const PASSWORD = 'SecurePass123'

test('a deletion that was interrupted by kill -9 is finished by the next process', async () => {
  const database = await testDatabase()
  const { client, schema } = database
  const env = { DATABASE_URL: inject('testListenUrl'), DATABASE_SCHEMA: schema }
  const first = await startBuilt(env)
  const call = async (path: string, body: object, token?: string, method = 'POST') => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const headers = { 'content-type': 'application/json', ...authorization }
    const response = await fetch(first.url + path, { method, headers, body: JSON.stringify(body) })
    const text = await response.text()
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
  }
  const { body: john } = await call('/api/auth/register', { username: 'john', password: PASSWORD })
  const { body: login } = await call('/api/auth/login', { username: 'john', password: PASSWORD })

  const rooms: number[] = []
  for (let at = 0; at < ROOMS; at++) {
    const { id: roomId } = await database.rooms.create({ name: `room-${at}`, title: null })
    rooms.push(roomId)
    const batch = Array.from({ length: MESSAGES }, (_, index) => ({
      roomId,
      userId: index % 3 === 0 ? john.id + 1 : john.id,
      writeId: `w${index}`,
      kind: 'message',
      content: 't',
      meta: null,
      keyId: 'k'
    }))
    await database.messages.append(batch)
  }
  const count = async (condition: string): Promise<number> => {
    const [row] = await client.query<{ count: number }>(
      `select count(*)::integer as count from "${schema}".messages where ${condition}`
    )
    return row?.count ?? 0
  }
  const erasures = () => count(`kind = 'erasure'`)
  const texts = () => count(`user_id = ${john.id} and content is not null`)

  // Locks the row of the middle room. The job waits for this row after it has cleared the texts of the room, and before it
  // reports the erasure.
  const blocked = rooms[ROOMS / 2]
  await client.transaction(async transaction => {
    await transaction.query(`select 1 as one from "${schema}".rooms where id = $1 for update`, [blocked])
    expect((await call('/api/users/me', { erase: true }, login.access_token, 'DELETE')).status).toBe(202)
    await expect.poll(erasures).toBe(ROOMS / 2)
    await expect.poll(texts).toBe((ROOMS / 2 - 1) * (MESSAGES - MESSAGES / 3))
    first.child.kill('SIGKILL')
    await first.ended
    // Counts before the room is unlocked, because PostgreSQL completes the statement of the killed process after the unlock.
    expect(await erasures()).toBe(ROOMS / 2)
  })

  await startBuilt(env)
  const update = (change: string) => client.query(`update "${schema}".deletions set ${change}`)
  // Ends the lease, which the killed process would hold for up to a minute.
  await update('leased_until = clock_timestamp()')
  await expect.poll(texts).toBe(0)
  await update(`requested_at = requested_at - interval '3 minutes'`)
  await expect.poll(async () => (await database.users.findByIds([john.id])).get(john.id)?.status).toBe('deleted')
  expect(await erasures()).toBe(ROOMS)
  expect(await count(`user_id = ${john.id + 1} and content is null`)).toBe(0)
  for (const roomId of rooms) {
    const [last] = await database.messages.range(roomId, MESSAGES + 1, MESSAGES + 9)
    expect(last).toMatchObject({ seq: MESSAGES + 1, kind: 'erasure', detail: expect.stringContaining(String(john.id)) })
  }
})
