/**
 * Tests the log of the built service. Makes statements fail in all parts of the service, with errors that quote rows and
 * parameters. The output must contain no rows and no parameters. Tests the built service because a bundler once renamed the
 * class of these errors.
 */
import { hashSync } from '@node-rs/bcrypt'
import { afterEach, expect, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { type BuiltService, runBuilt, startBuilt } from '../support/built-service.ts'
import { engine, testDatabaseUrl } from '../support/database.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { connect } from '../support/socket-client.ts'
import { PASSWORD } from '../support/start-chat.ts'

const DATABASE_PASSWORD = 'database-opensesame'
/** A hash with a lower cost than the service uses, so that the next login writes a new hash. */
const OLD_HASH = hashSync(PASSWORD, { cost: 4 })

/** Returns SQL for triggers and constraints that fail with whole rows, hashes and ciphertexts in their errors. */
const faultsIn = (schema: string): string => `
  create function ${schema}.fault() returns trigger language plpgsql as $$
  declare row_text text := to_jsonb(new)::text; n integer;
  begin
    if row_text like '%quoted-raise%' then raise exception 'bad row %', new using detail = new::text, hint = new::text; end if;
    if row_text like '%quoted-cast%' then n := (to_jsonb(new)->>tg_argv[0])::integer; end if;
    if tg_op = 'UPDATE' and tg_table_name = 'users' then raise exception 'bad row %', new; end if;
    return new;
  end $$;
  create trigger fault before insert or update on ${schema}.users for each row execute function ${schema}.fault('hashed_password');
  create trigger fault before insert on ${schema}.messages for each row execute function ${schema}.fault('content');
  create trigger fault before insert on ${schema}.rooms for each row execute function ${schema}.fault('title');
  alter table ${schema}.users add check (username not like 'quoted_check%');
  alter table ${schema}.rooms add check (name not like 'quoted-check%');
  alter table ${schema}.messages add check (write_id not like '%quoted-check%');`

let cleanUp = async (): Promise<void> => {}
afterEach(() => cleanUp())

const prepare = async () => {
  const url = await testDatabaseUrl()
  const schema = `t_${Math.random().toString(36).slice(2)}`
  const client = await openClient({ url, poolMax: 10 })
  await migrateUp(client, schema)
  const { users } = createDatabase(client, schema)
  await users.create({ username: 'old_user', hashedPassword: OLD_HASH })
  await client.transaction(transaction => transaction.exec(faultsIn(schema)))
  if (engine === 'pglite') await client.close()
  cleanUp = async () => {
    if (engine === 'pglite') return
    await client.query(`drop schema if exists ${schema} cascade`)
    await client.close()
  }
  const withPassword = url.replace('postgres://postgres@', `postgres://postgres:${DATABASE_PASSWORD}@`)
  return { env: { DATABASE_URL: withPassword, DATABASE_SCHEMA: schema, LOG_LEVEL: 'trace' }, client, schema }
}

const caller =
  ({ url }: BuiltService) =>
  async (method: string, path: string, body?: unknown, token?: string) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
  }

const expectNothingOf = (output: string, secrets: readonly string[]): void => {
  const known = [PASSWORD, DATABASE_PASSWORD, SECRET_KEY, ENCRYPTION_KEY, OLD_HASH, ...secrets]
  for (const secret of known) expect(output.includes(secret), `the output contains ${secret}`).toBe(false)
  expect(output).not.toMatch(/\$2b\$|gAAAA|eyJhbGci|whispered|quoted[-_](?:raise|cast|check)_?(?:one|two)|bad row/)
}

test('prints no hash, ciphertext, token or text when the statements of the built service fail', async () => {
  const { env, client, schema } = await prepare()
  const service = await startBuilt({ ...env, BCRYPT_ROUNDS: '5', MESSAGE_RATE_LIMIT: '0' })
  const call = caller(service)
  for (const username of ['quoted-raise_one', 'quoted-cast_one', 'quoted_check_one']) {
    const { status } = await call('POST', '/api/auth/register', { username, password: PASSWORD })
    expect(status, username).toBe(500)
  }
  await call('POST', '/api/auth/register', { username: 'john', password: PASSWORD })
  await call('POST', '/api/auth/login', { username: 'old_user', password: PASSWORD })
  const { body } = await call('POST', '/api/auth/login', { username: 'john', password: PASSWORD })
  const token: string = body.access_token
  for (const name of ['raise', 'cast', 'check']) {
    await call('POST', '/api/chat/rooms', { room: `quoted-${name}-room`, title: `whispered quoted-${name}_one` }, token)
  }
  const socket = await connect(`${service.url.replace('http', 'ws')}/ws/chat?token=${token}`)
  for (const nonce of ['quoted-raise_one', 'quoted-cast_one', 'quoted-check_one']) {
    socket.send({ type: 'message', content: 'whispered text', meta: { hint: 'whispered meta' }, nonce, ref: nonce })
    while ((await socket.nextOf('error')).ref !== nonce);
  }
  if (engine === 'postgres') {
    // Makes reads fail as well: first because columns are missing, and then because tables are missing.
    const alter = (text: string) => client.transaction(transaction => transaction.exec(text.replaceAll('$', schema)))
    await alter('alter table $.users rename hashed_password to gone; alter table $.messages rename content to gone')
    await call('POST', '/api/auth/login', { username: 'john', password: PASSWORD })
    await call('POST', '/api/auth/register', { username: 'jane', password: PASSWORD })
    await call('GET', '/api/chat/messages', undefined, token)
    await call('GET', '/api/users/me', undefined, token)
    // Makes the table `users` readable again, because each request looks up its user.
    await alter('alter table $.users rename gone to hashed_password')
    await alter('drop table $.messages; drop table $.rooms; drop table $.rate_limits')
    await call('GET', '/api/chat/messages?before_id=1', undefined, token)
    await call('GET', '/api/chat/rooms', undefined, token)
    socket.send({ type: 'message', content: 'whispered text', nonce: 'n', ref: 'last' })
    while ((await socket.nextOf('error')).ref !== 'last');
  }
  service.child.kill('SIGTERM')
  await service.ended

  const output = service.output()
  const codes = ['P0001', '22P02', '23514', ...(engine === 'postgres' ? ['42703', '42P01'] : [])]
  for (const code of codes) expect(output).toContain(`"code":"${code}"`)
  expectNothingOf(output, [token])
  for (const line of output.trim().split('\n')) expect(() => JSON.parse(line), line).not.toThrow()
}, 180_000)

test('prints no password and no row when a built command cannot use the database', async () => {
  const { env } = await prepare()
  const wrong = { ...env, DATABASE_SCHEMA: 'pg_catalog_not', DATABASE_WAIT_SECONDS: '1' }
  const databases =
    engine === 'postgres'
      ? [env.DATABASE_URL.replace(/\/[^/]*$/, '/no_such'), `postgres://bob:${DATABASE_PASSWORD}@127.0.0.1:1/x`]
      : ['pglite:/proc/no-such-folder']
  for (const command of [['migrate', 'status'], ['migrate', 'up'], ['serve']]) {
    for (const DATABASE_URL of databases) {
      const { code, output } = await runBuilt(command, { ...wrong, DATABASE_URL })
      expect(code, output).toBe(1)
      expect(output).toMatch(/fastify-chat: /)
      expectNothingOf(output, [])
    }
  }
}, 300_000)
