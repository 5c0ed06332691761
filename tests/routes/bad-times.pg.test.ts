/** Tests invalid times in all columns of the database, such as `infinity`: every route that reads responds, for all other rows. */
import { expect, test } from 'vitest'
import { useEveryKind } from '../support/every-kind.ts'
import { withRooms } from '../support/rooms.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

const VALUES: Readonly<Record<string, string>> = { room: 'general', seq: '1', code: 'none' }
const TIMES = ['infinity', '-infinity']
/** The tables whose rows the service keeps in memory. */
const KEPT: ReadonlySet<string> = new Set(['messages', 'message_state', 'others', 'users', 'rooms', 'sessions'])

test('no time in any column makes a route fail that reads', async () => {
  const chat = await startChat({ settings: { readRateLimit: 0 } })
  const { client, schema } = chat.database
  const { as, promote } = withRooms(chat)
  const append = await useEveryKind(chat)
  const [seq] = await append()
  const idOf = async (username: string): Promise<number> =>
    (await client.query<{ id: number }>(`select id from "${schema}".users where username = $1`, [username]))[0]?.id ?? 0
  const { body: login } = await chat.call('POST', '/api/auth/login', { body: { username: 'ann', password: PASSWORD } })
  const ann = { id: await idOf('ann'), username: 'ann', token: login.access_token }
  const cat = await idOf('cat')
  await as(ann, 'PUT', '/api/chat/rooms/general/members/me')
  await as(ann, 'PUT', `/api/chat/rooms/general/mutes/${cat}`, { minutes: 60 })
  await as(ann, 'POST', '/api/chat/rooms/general/invitations', {})
  await as(ann, 'POST', `/api/chat/rooms/general/messages/${seq}/report`, { reason: 'a test' })
  await as(ann, 'PUT', `/api/users/me/blocks/${cat}`)
  await promote(ann)

  const { body: document } = await chat.call('GET', '/openapi.json')
  const paths = Object.entries<object>(document.paths)
    .filter(([path, methods]) => 'get' in methods && path !== '/ws/chat' && !path.startsWith('/app'))
    .map(([path]) => path.replace(/\{(\w+)\}/g, (_, name) => VALUES[name] ?? 'x'))
  expect(paths.length).toBeGreaterThan(20)
  const columns = await client.query<{ table: string; column: string }>(
    `select table_name as table, column_name as column from information_schema.columns
     where table_schema = $1 and data_type = 'timestamp with time zone' and table_name <> 'audit' order by 1, 2`,
    [schema]
  )
  const startReader = () => startChat({ database: chat.database, settings: { readRateLimit: 0 } })
  const reader = await startReader()
  const failures: string[] = []
  for (const { table, column } of columns) {
    const [known] = await client.query<{ time: string | null; rows: number }>(
      `select min("${column}")::text as time, count("${column}")::integer as rows from "${schema}"."${table}"`
    )
    if (!known?.rows) continue
    const set = (time: string | null) =>
      client.query(
        `update "${schema}"."${table}" set "${column}" = $1::text::timestamptz where "${column}" is not null`,
        [time]
      )
    for (const time of TIMES) {
      await set(time)
      // A new process has nothing of these tables in memory.
      const { call, server } = KEPT.has(table) ? await startReader() : reader
      for (const path of paths) {
        const { status } = await call('GET', path, { token: ann.token })
        if (status >= 500) failures.push(`${status} ${path} with ${table}.${column} = ${time}`)
      }
      if (KEPT.has(table)) await server.close()
    }
    await set(known.time)
  }
  expect(failures).toEqual([])
  const { call } = await startReader()
  expect(await call('GET', '/api/users/me', { token: ann.token })).toMatchObject({ status: 200 })
})
