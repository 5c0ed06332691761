/**
 * Tests `fastify-chat import-fastapi` of the built program, with a database that the libraries of the FastAPI Chat Backend wrote.
 * The command is killed in the middle, while a service runs on the same database.
 */
import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import postgres from 'postgres'
import { beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { builtProgram, runBuilt, startBuilt } from '../support/built-service.ts'
import { testDatabase } from '../support/database.ts'
import { findPython } from '../support/programs.ts'
import { isAvailable } from '../support/requirements.ts'
import { unusedName } from '../support/schema-pool.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'

const PYTHON = findPython('sqlalchemy, psycopg2, passlib, bcrypt, cryptography') ?? ''
const PASSPHRASE = 'a passphrase, not a key'
const MESSAGES = 3000
/** The timeout is long because the tests start the command many times. */
const limit = { timeout: 300_000 }

beforeAll(async () => {
  await builtProgram()
})

/** Creates an empty database for the FastAPI Chat Backend, and a migrated schema for this service. */
const start = async () => {
  const { client, schema } = await testDatabase()
  const server = postgres(inject('testListenUrl'), { max: 1, onnotice: () => {} })
  const name = unusedName()
  await server.unsafe(`create database ${name}`)
  onTestFinished(async () => {
    await server.unsafe(`drop database ${name} with (force)`)
    await server.end()
  })
  const url = new URL(inject('testListenUrl'))
  url.pathname = `/${name}`
  const write = (messages: number): void => {
    execFileSync(PYTHON, [
      join(import.meta.dirname, 'fastapi_database.py'),
      String(url).replace('postgres:', 'postgresql:'),
      PASSPHRASE,
      String(messages)
    ])
  }
  const env = {
    DATABASE_URL: inject('testDatabaseUrl'),
    DATABASE_SCHEMA: schema,
    FASTAPI_DATABASE_URL: String(url).replace('postgres://', 'postgresql+asyncpg://'),
    FASTAPI_ENCRYPTION_KEY: PASSPHRASE
  }
  const count = async (table: string): Promise<number> => {
    const [row] = await client.query<{ n: number }>(`select count(*)::integer as n from "${schema}"."${table}"`)
    return row?.n ?? 0
  }
  const other = postgres(String(url), { max: 1, onnotice: () => {} })
  onTestFinished(() => other.end())
  return { env, write, count, other, client }
}

const RENAMES = ['--rename', 'bob=bob2', '--rename', 'carol d=carol_d']

/** Runs the import and kills it as soon as it has printed that the first messages were imported. */
const runAndKill = async (env: Record<string, string>): Promise<void> => {
  const child = spawn(process.execPath, [await builtProgram(), 'import-fastapi', ...RENAMES], {
    env: { PATH: process.env.PATH, ENCRYPTION_KEY, ...env }
  })
  let output = ''
  for await (const data of child.stdout) {
    output += data
    if (/^importing messages: \d+ of 3000 rows/m.test(output)) child.kill('SIGKILL')
  }
  expect(child.signalCode ?? (await new Promise(resolve => child.on('exit', (_, signal) => resolve(signal))))).toBe(
    'SIGKILL'
  )
}

test.runIf(isAvailable('python: fastapi'))('reports what needs a decision, and changes nothing', limit, async () => {
  const { env, write, count, other, client } = await start()
  write(10)
  await other`insert into messages (user_id, content) values (1, 'no token')`
  const refused = await runBuilt(['import-fastapi'], env)
  expect(refused.code).toBe(1)
  expect(refused.output).toContain(
    'The other service has 5 users, of whom 0 were imported before,\nand 11 messages to import.'
  )
  expect(refused.output).toContain('  bob: differs from Bob only in case\n')
  expect(refused.output).toContain('  carol d: must have only letters of A-Z and a-z, digits, "_" and "-"\n')
  expect(refused.output).toContain('2 names cannot be imported. Add --rename for each of them.')

  expect((await runBuilt(['import-fastapi', ...RENAMES], env)).output).toContain(
    '1 message cannot be read. Check FASTAPI_ENCRYPTION_KEY, or leave them out with --skip-unreadable.'
  )
  const wrongKey = await runBuilt(['import-fastapi', ...RENAMES], { ...env, FASTAPI_ENCRYPTION_KEY: 'another' })
  expect(wrongKey.output).toContain('11 messages cannot be read.')
  expect((await runBuilt(['import-fastapi', ...RENAMES, '--skip-unreadable', '--dry-run'], env)).code).toBe(0)
  await client.query(`update "${env.DATABASE_SCHEMA}".rooms set archived = true, guarded = true`)
  expect((await runBuilt(['import-fastapi', ...RENAMES], env)).output).toContain('The room "general" is archived')
  const ownTables = { ...env, FASTAPI_DATABASE_URL: env.DATABASE_URL }
  await client.query(`update "${env.DATABASE_SCHEMA}".rooms set archived = false, guarded = false`)
  expect((await runBuilt(['import-fastapi'], ownTables)).output).toContain(
    'The database of FASTAPI_DATABASE_URL has no tables of a FastAPI Chat Backend'
  )
  const { FASTAPI_ENCRYPTION_KEY: _, ...withoutKey } = env
  expect((await runBuilt(['import-fastapi'], withoutKey)).output).toContain('FASTAPI_ENCRYPTION_KEY is missing')
  expect([await count('users'), await count('messages'), await count('fastapi_import')]).toEqual([0, 0, 0])
})

test.runIf(isAvailable('python: fastapi'))(
  'continues after kill -9 beside a running service, whose users log in with their old passwords',
  limit,
  async () => {
    const { env, write, count } = await start()
    write(MESSAGES)
    const service = await startBuilt(env)
    const request = async (path: string, { token = '', body }: { token?: string; body?: object } = {}) => {
      const response = await fetch(service.url + path, {
        headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
        ...(body ? { method: 'POST', body: JSON.stringify(body) } : {})
      })
      return (await response.json()) as Record<string, unknown>
    }
    const log = (token: string, after: number) =>
      request(`/api/chat/rooms/general/messages?after=${after}&limit=100`, { token })

    await runAndKill(env)
    const interrupted = await count('messages')
    expect(interrupted).toBeGreaterThan(0)
    expect(interrupted).toBeLessThan(MESSAGES)
    const finished = await runBuilt(['import-fastapi', ...RENAMES], env)
    expect(finished.output).toContain(
      `Imported 0 users and ${(MESSAGES - interrupted).toLocaleString('en-US')} messages`
    )
    expect(finished.output).toContain(`${(MESSAGES - interrupted).toLocaleString('en-US')} messages equal, 0 erased`)
    expect(finished.code).toBe(0)

    const username = 'carol_d'
    const login = await request('/api/auth/login', { body: { username, password: 'Password of carol d 1' } })
    const token = String(login.access_token)
    expect(await request('/api/users/me', { token })).toMatchObject({
      username,
      created_at: '2024-02-29T12:00:00.123+00:00'
    })
    const page = async (after: number) => (await log(token, after)).messages as Record<string, unknown>[]
    await expect
      .poll(async () => (await page(MESSAGES - 1))[0])
      .toMatchObject({ content: `Grüße ${MESSAGES - 1} 😀\n‮` })
    const all = [...(await page(0)), ...(await page(1400)), ...(await page(MESSAGES - 100))]
    for (const message of all) {
      const at = Number(message.seq) - 1
      expect(message).toMatchObject({
        content: `Grüße ${at} 😀\n‮`,
        username: ['alice', 'Bob', 'bob2', 'carol_d', 'dave'][at % 5],
        created_at: `${new Date(Date.UTC(2024, 1, 29, 12, 0, at, 123)).toISOString().slice(0, -1)}+00:00`
      })
    }
    expect(all).toHaveLength(300)

    // A later run imports only new messages. It refuses messages that are older than the newest message of the room.
    write(2)
    expect((await runBuilt(['import-fastapi'], env)).output).toContain('Imported 0 users and 2 messages')
    await request('/api/chat/rooms/general/messages', { token, body: { content: 'new here' } })
    write(2)
    expect((await runBuilt(['import-fastapi'], env)).output).toContain('The times in a room never go back')
    const late = await runBuilt(['import-fastapi', '--change-times'], env)
    expect(late.output).toContain('Imported 0 users and 2 messages')
    expect(late.output).toContain('2 messages got the time of the previous entry')
  }
)
