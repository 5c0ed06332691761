/** Tests `fastify-chat check` with the built program: the result of each check, and the exit code. */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { runBuilt, startBuilt } from '../support/built-service.ts'
import { testDatabaseUrl } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

/** Returns the state and the text of each check. */
const linesOf = (output: string): Record<string, string> =>
  Object.fromEntries(
    output
      .split('\n')
      .map(line =>
        /^(ok|failed) +(settings|database|migrations|grants|listen|keys|clock|redis|smtp|public url|open files) +(.*)$/.exec(
          line
        )
      )
      .flatMap(found => (found ? [[found[2], `${found[1]}: ${found[3]}`]] : []))
  )

const OTHER_KEY = `${randomBytes(32).toString('base64url')}=`

const post = async (url: string, body: object, token?: string) => {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) }
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json()
}

/** Creates a role that may only read, which is dropped when the test ends. Returns the database URL with this role. */
const createRole = async (databaseUrl: string): Promise<string> => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  const role = `chat_check_${randomBytes(6).toString('hex')}`
  await sql.unsafe(`create role ${role} login password 'secret-password'`)
  await sql.unsafe(`grant usage on schema public to ${role}; grant select on all tables in schema public to ${role}`)
  onTestFinished(async () => {
    await sql.unsafe(`drop owned by ${role}; drop role ${role}`)
    await sql.end()
  })
  const url = new URL(databaseUrl)
  url.username = role
  url.password = 'secret-password'
  return url.href
}

test('reports that everything works, through the public URL of a running service', async () => {
  const DATABASE_URL = await testDatabaseUrl()
  const { url } = await startBuilt({ DATABASE_URL })
  const { code, output } = await runBuilt(['check'], { DATABASE_URL, PUBLIC_URL: url, MAX_CONNECTIONS: '100' })
  const lines = linesOf(output)
  expect(Object.keys(lines)).toHaveLength(11)
  expect(Object.values(lines).filter(line => !line.startsWith('ok'))).toEqual([])
  expect(code).toBe(0)
})

test('reports each fault with what to do, and fails, without a secret in the output', async () => {
  const DATABASE_URL = await testDatabaseUrl()
  const { url } = await startBuilt({ DATABASE_URL })
  const credentials = { username: 'ann', password: 'SecurePass123' }
  await post(`${url}/api/auth/register`, credentials)
  const { access_token: token } = await post(`${url}/api/auth/login`, credentials)
  await post(`${url}/api/chat/rooms/general/messages`, { content: 'hello' }, token)
  const role = await createRole(DATABASE_URL)
  const closed = await freePort()
  const { code, output } = await runBuilt(['check'], {
    DATABASE_URL: role,
    ENCRYPTION_KEY: OTHER_KEY,
    SMTP_URL: `smtp://user:secret-password@127.0.0.1:${closed}`,
    MAIL_FROM: 'chat@example.com',
    PUBLIC_URL: `http://127.0.0.1:${closed}`,
    MAX_CONNECTIONS: '1000000'
  })
  const lines = linesOf(output)
  expect(lines.smtp).toMatch(/^failed: .*Check SMTP_URL/)
  expect(lines['public url']).toMatch(/^failed: .*Start the service/)
  expect(lines.database).toMatch(/^ok/)
  expect(lines.grants).toMatch(/^failed: The role lacks (delete|execute|insert) on .*"Database rights"/)
  expect(lines.keys).toMatch(/^failed: The keys decrypt 0 of the newest \d+ texts/)
  expect(lines['open files']).toMatch(/^(failed: .*Raise the limit|ok: (Infinity|\d{7,}))/)
  expect(code).toBe(1)
  for (const secret of ['secret-password', SECRET_KEY, ENCRYPTION_KEY]) expect(output).not.toContain(secret)
})

test('stops after the settings or the connection, because nothing else can be checked', async () => {
  const bad = await runBuilt(['check'], { DATABASE_URL: 'nonsense' })
  expect([bad.code, Object.keys(linesOf(bad.output))]).toEqual([1, ['settings']])
  const down = await runBuilt(['check'], { DATABASE_URL: `postgres://user:secret@127.0.0.1:${await freePort()}/chat` })
  expect([down.code, Object.keys(linesOf(down.output))]).toEqual([
    1,
    ['settings', 'database', 'redis', 'smtp', 'public url', 'open files']
  ])
})
