/** Tests how an import handles rows that the FastAPI Chat Backend does not write, but that its tables can contain. */
import { expect, onTestFinished, test } from 'vitest'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { createFastApiSource } from '../../src/db/fastapi-source.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createPace } from '../../src/lib/pace.ts'
import { type ImportContext, importMessages, importUsers, verifyMessages } from '../../src/ops/import-fastapi/import.ts'
import { survey } from '../../src/ops/import-fastapi/survey.ts'
import { testClient, testDatabase } from '../support/database.ts'

const KEY = generateKey()
const keyring = createKeyring({ current: KEY, now: Date.now })
const token = (text: string): string => keyring.encrypt(text).token

/** Creates the tables of the other service in a schema of their own. Returns functions that survey and import their rows. */
const start = async (tables: string) => {
  const database = await testDatabase()
  const owner = await testClient()
  const other = `${database.schema}_fastapi`
  const inOther = (text: string, values: unknown[] = []) =>
    owner.transaction(async own => {
      await own.exec(`set local search_path = "${other}"`)
      return own.query(text, values)
    })
  await owner.query(`create schema "${other}"`)
  onTestFinished(async () => void (await owner.query(`drop schema "${other}" cascade`)))
  for (const statement of tables.split(';')) await inOther(statement)
  const source = createFastApiSource({ query: inOther as typeof owner.query })
  const room = await database.rooms.findByName('general')
  const look = () =>
    survey({
      database,
      source,
      sourceKeyring: keyring,
      renames: new Map(),
      isHeld: async () => false,
      onRows: () => {}
    })
  const context: ImportContext = {
    database,
    keyring,
    source,
    sourceKeyring: keyring,
    pace: createPace(systemClock, { maxRows: 500 }),
    createUser: async ({ id, createdAt }, username) => {
      const user = { username, hashedPassword: null, ...(createdAt === null ? {} : { createdAt: new Date(createdAt) }) }
      const created = await database.users.create(user)
      await database.fastApiImport.recordUser(id, created.id)
      return created.id
    }
  }
  const run = async () => {
    const found = await look()
    await database.fastApiImport.begin({ roomId: room?.id ?? 0, lastId: found.lastId })
    await importUsers(context, found.names, () => {})
    const imported = await importMessages(context, () => {})
    return {
      ...imported,
      ...(await verifyMessages(context, { after: found.lastId, isExpired: false, onRows: () => {} }))
    }
  }
  return { database, look, run, inOther, room: room?.id ?? 0 }
}

const TABLES = `create table users (id bigint, username text, hashed_password text, created_at timestamp);
  create table messages (id bigint, user_id bigint, content text, created_at timestamp)`

test('negative ids are imported, and a missing user is not the user -1', async () => {
  const { run, look, inOther } = await start(TABLES)
  await inOther(
    "insert into users values (-1, 'ann', null, now()), (-2147483648, 'bob', null, now()), (3, 'cid', null, now())"
  )
  await inOther(
    'insert into messages values (-5, -1, $1, now()), (-1, -2147483648, $1, now()), (7, 3, $1, now()), (8, null, $1, now())',
    [token('text')]
  )
  expect(await look()).toMatchObject({ users: 3, messages: 4, unreadable: [8] })
  expect(await run()).toMatchObject({ stored: 3, skipped: 1, equal: 3, wrong: [] })
  expect(await run()).toMatchObject({ stored: 0, skipped: 0 })
})

test('a user without a name and a name of a megabyte are problems', async () => {
  const { look, inOther } = await start(TABLES)
  await inOther(
    "insert into users values (1, null, null, null), (2, repeat('x', 1000000), null, null), (3, null, null, null)"
  )
  const { nameProblems } = await look()
  expect(nameProblems.map(({ problem }) => problem)).toHaveLength(3)
})

test('infinite and future times do not make the times of the room infinite', async () => {
  const { database, run, inOther, room } = await start(TABLES)
  await inOther("insert into users values (1, 'ann', null, 'infinity'), (2, 'bob', null, '-infinity')")
  await inOther(
    "insert into messages values (1, 1, $1, '2024-01-01'), (2, 1, $1, '-infinity'), (3, 2, $1, 'infinity'), (4, 2, $1, '2999-01-01'), (5, 2, $1, '2024-01-02')",
    [token('text')]
  )
  expect(await run()).toMatchObject({ stored: 5, equal: 5 })
  expect(await database.fastApiImport.lastAt(room)).toBeLessThan(Date.now() + 60_000)
})

test('ids that JavaScript cannot represent stop the import before it begins', async () => {
  const { look, inOther } = await start(TABLES)
  await inOther("insert into messages values (9007199254740993, 1, 't', now())")
  await expect(look()).rejects.toThrow('9007199254740991')
})

test('a text that is longer than a message may be is not readable', async () => {
  const { look, inOther } = await start(TABLES)
  await inOther("insert into users values (1, 'ann', null, null)")
  await inOther('insert into messages values (1, 1, $1, null), (2, 1, $2, null)', [
    token('😀'.repeat(65_536)),
    token('x'.repeat(300_000))
  ])
  expect(await look()).toMatchObject({ messages: 2, unreadable: [2] })
})

test('missing tables and columns are named', async () => {
  const { look } = await start('select 1')
  await expect(look()).rejects.toThrow('FASTAPI_DATABASE_URL')
})
