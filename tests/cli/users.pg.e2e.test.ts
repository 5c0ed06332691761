/** Tests `fastify-chat users`, `sessions` and `keys` of the built program while a service runs on the same database. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { builtProgram, startBuilt } from '../support/built-service.ts'
import { endWithTest } from '../support/child-process.ts'
import { testDatabase } from '../support/database.ts'
import { createDeferred } from '../support/deferred.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'

const PASSWORD = 'Correct7horses'

let program: string
beforeAll(async () => {
  program = await builtProgram()
})

interface Run {
  /** The output of the command, without log lines. */
  readonly output: string
  readonly code: number | null
}

/** Prepares a database, and returns functions that run the program on it. */
const start = async () => {
  const database = await testDatabase()
  const cwd = mkdtempSync(join(tmpdir(), 'chat-users-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
  const env = {
    DATABASE_URL: inject('testDatabaseUrl'),
    DATABASE_SCHEMA: database.schema,
    ENCRYPTION_KEY,
    BCRYPT_ROUNDS: '4'
  }

  const logs: object[] = []
  /** Runs a command without a terminal. `input` is the standard input. */
  const run = (args: readonly string[], input = '', changed: Readonly<Record<string, string>> = {}): Promise<Run> => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd,
      env: { PATH: process.env.PATH, ...env, ...changed }
    })
    child.stdin.end(input)
    return outputOf(child, logs)
  }
  /** Runs a command on a pseudo-terminal, and types an answer to each prompt. */
  const type = (args: readonly string[], answers: readonly (readonly [prompt: string, typed: string])[]) => {
    const command = [process.execPath, program, ...args].join(' ')
    const child = spawn('script', ['-qec', command, '/dev/null'], { cwd, env: { PATH: process.env.PATH, ...env } })
    let shown = ''
    const rest = [...answers]
    child.stdout.on('data', data => {
      shown += data
      const [next] = rest
      if (!next || !shown.includes(next[0])) return
      shown = ''
      rest.shift()
      child.stdin.write(next[1])
    })
    return outputOf(child, logs)
  }
  /** Starts a command, and returns its process. */
  const begin = (args: readonly string[], changed: Readonly<Record<string, string>>) => {
    const options = { cwd, env: { PATH: process.env.PATH, ...env, ...changed }, stdio: 'ignore' } as const
    const child = spawn(process.execPath, [program, ...args], options)
    endWithTest(child)
    return child
  }
  return { run, begin, type, env, logs, database }
}

/** Resolves with what a command printed. Adds its log lines to `logs`. */
const outputOf = (child: ReturnType<typeof spawn>, logs: object[]): Promise<Run> => {
  endWithTest(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', data => (output += data))
  return new Promise(resolve =>
    child.on('close', code => {
      const isLogged = (line: string): boolean => line.startsWith('{"level":')
      const lines = output.split('\n')
      logs.push(...lines.filter(isLogged).map(line => JSON.parse(line)))
      resolve({ output: lines.filter(line => !isLogged(line)).join('\n'), code })
    })
  )
}

const register = async ({ users }: ChatDatabase, ...names: string[]) => {
  for (const username of names) await users.create({ username, hashedPassword: 'h' })
}

const eventsOf = async ({ audit }: ChatDatabase) =>
  (await audit.list({}, 100)).map(({ event, userId, detail }) => [event, userId, detail])

describe('users create', () => {
  test('creates a user and an administrator, who can log in to the running service', async () => {
    const { run, env, logs, database } = await start()
    const service = await startBuilt(env)
    expect(await run(['users', 'create', 'John'], `${PASSWORD}\n`)).toEqual({
      output: 'Created the user John (id 1).\n',
      code: 0
    })
    const detail = { role: 'user', by: 'operator' }
    expect(logs).toEqual([
      { level: 30, time: expect.any(Number), event: 'user_created', user_id: 1, detail, msg: 'recorded an audit event' }
    ])
    expect(await run(['users', 'create', 'ops', '--admin'], PASSWORD)).toEqual({
      output: 'Created the administrator ops (id 2).\n',
      code: 0
    })
    const login = async (username: string): Promise<number> => {
      const response = await fetch(`${service.url}/api/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username, password: PASSWORD })
      })
      const { access_token: token } = (await response.json()) as { access_token: string }
      const users = await fetch(`${service.url}/api/admin/users`, { headers: { authorization: `Bearer ${token}` } })
      return users.status
    }
    expect(await login('john')).toBe(403)
    expect(await login('ops')).toBe(200)
    expect((await eventsOf(database)).filter(([event]) => event === 'user_created')).toEqual([
      ['user_created', 2, { role: 'admin', by: 'operator' }],
      ['user_created', 1, { role: 'user', by: 'operator' }]
    ])
  })

  test('asks for the password twice on a terminal, and does not show it', async () => {
    const { type, database } = await start()
    const answers = (second: string) =>
      [
        ['Password:', `${PASSWORD}\r`],
        ['Repeat the password:', `${second}\r`]
      ] as const
    const created = await type(['users', 'create', 'john'], answers(PASSWORD))
    expect(created.output).toContain('Created the user john (id 1).')
    expect(created.output).not.toContain(PASSWORD)
    const mistyped = await type(['users', 'create', 'jane'], answers('Correct7house'))
    expect(mistyped).toMatchObject({ code: 1, output: expect.stringContaining('The passwords differ. Try again.') })
    const cancelled = await type(['users', 'create', 'jane'], [['Password:', '\u0003']])
    expect(cancelled.output).not.toContain('Created')
    expect(await database.administration.list({ limit: 10 })).toMatchObject([{ username: 'john' }])
  })

  test('rejects a weak password, a common one, an invalid or taken name, and a password as an argument', async () => {
    const { run, database } = await start()
    await register(database, 'john')
    const failing = async (args: string[], input: string) => {
      const { output, code } = await run(['users', 'create', ...args], input)
      expect(code).not.toBe(0)
      return output
    }
    expect(await failing(['jane'], 'short\n')).toMatch(/Password must have a digit\./)
    expect(await failing(['jane'], 'Password123\n')).toMatch(/many people use/)
    expect(await failing(['j a'], PASSWORD)).toMatch(/Username must have only letters.*"-"\.\n/)
    expect(await failing(['JOHN'], PASSWORD)).toMatch(/is taken/)
    expect(await failing(['jane'], '')).toMatch(/contains no password/)
    expect(await failing(['jane', PASSWORD], '')).toMatch(/too many arguments/)
    expect(await database.administration.list({ limit: 10 })).toHaveLength(1)
  })
})

describe('users', () => {
  test('lists users, and finds them by the beginning of a name', async () => {
    const { run, database } = await start()
    await register(database, 'john', 'jane', 'Joan')
    await database.administration.change(null, 2, { role: 'admin', status: 'suspended' })
    const names = async (...args: string[]) =>
      (await run(['users', 'list', ...args])).output
        .trim()
        .split('\n')
        .map(line => line.split(/ {2,}/))
    const day = expect.stringMatching(/^\d{4}-\d\d-\d\d$/)
    expect(await names()).toEqual([
      ['ID', 'ROLE', 'STATUS', 'REGISTERED', 'NAME'],
      ['1', 'user', 'active', day, 'john'],
      ['2', 'admin', 'suspended', day, 'jane'],
      ['3', 'user', 'active', day, 'Joan']
    ])
    expect((await names('JO')).slice(1).map(([id]) => id)).toEqual(['1', '3'])
    expect((await names('--admins')).slice(1).map(([id]) => id)).toEqual(['2'])
  })

  test('promotes after a question that shows the age of the account, and without a question with --yes', async () => {
    const { run, type, database } = await start()
    await register(database, 'john')
    const { client, schema } = database
    await client.query(`update "${schema}".users set created_at = created_at - interval '3 days'`)
    const role = async () => (await database.users.findByUsername('john'))?.role
    expect(await run(['users', 'promote', 'john'])).toMatchObject({
      code: 1,
      output: expect.stringContaining('Add the option --yes')
    })
    const refused = await type(['users', 'promote', 'JOHN'], [['[y/N]', 'n\r']])
    expect(refused.output).toContain('john (id 1) registered 3 days ago')
    expect(refused.output).toContain('Nothing was changed.')
    expect(await role()).toBe('user')
    await type(['users', 'promote', 'JOHN'], [['[y/N]', 'y\r']])
    expect(await role()).toBe('admin')
    await register(database, 'jane')
    expect(await run(['users', 'promote', 'jane', '--yes'])).toEqual({
      output: 'jane (id 2) is an administrator.\n',
      code: 0
    })
    expect(await eventsOf(database)).toEqual([
      ['role_changed', 2, { role: 'admin', by: 'operator' }],
      ['role_changed', 1, { role: 'admin', by: 'operator' }]
    ])
  })

  test('of two concurrent demotions in two processes, one fails, so that an administrator remains', async () => {
    const { run, database } = await start()
    await register(database, 'john', 'jane')
    for (const id of [1, 2]) await database.administration.change(null, id, { role: 'admin' })
    const runs = await Promise.all([run(['users', 'demote', 'john']), run(['users', 'demote', 'jane'])])
    expect(runs.map(({ code }) => code).sort()).toEqual([0, 1])
    expect(runs.find(({ code }) => code === 1)?.output).toContain('This is the only administrator.')
    expect(await database.administration.countAdmins()).toMatchObject({ all: 1 })
  })

  test('suspends and restores a user, and resets a password with a token that is stored as a hash', async () => {
    const { run, database } = await start()
    await register(database, 'john')
    const user = () => database.users.findByUsername('john')
    expect((await run(['users', 'suspend', 'John'])).output).toBe(
      'john (id 1) is suspended. Every session has ended.\n'
    )
    expect(await user()).toMatchObject({ status: 'suspended', generation: 1 })
    expect((await run(['users', 'reset-password', 'john'])).code).toBe(1)
    expect((await run(['users', 'restore', 'john'])).output).toBe('john (id 1) can log in again.\n')
    expect(await user()).toMatchObject({ status: 'active', generation: 1 })
    const { output, code } = await run(['users', 'reset-password', 'john'])
    expect(code).toBe(0)
    const token = output.trim().split('\n').at(-1)?.trim() ?? ''
    const hash = createHash('sha256').update(token).digest('hex')
    expect(await database.oneTimeTokens.take(hash, 'reset_password')).toMatchObject({ userId: 1 })
  })

  test('removes the second factors of a user, and records it', async () => {
    const { run, database } = await start()
    await register(database, 'john')
    expect((await run(['users', 'remove-factors', 'john'])).output).toBe('john (id 1) has no second factor.\n')
    await database.totp.enrol({ userId: 1, secret: 's', keyId: 'k' })
    await database.totp.confirm(1, 1)
    await database.recoveryCodes.replace(1, [{ prefix: 'AA', hash: 'h' }])
    expect((await run(['users', 'remove-factors', 'John'])).output).toBe(
      'john (id 1) now logs in with the password alone.\n'
    )
    expect(await database.factors.summary(1, undefined)).toMatchObject({ hasTotp: false, recoveryCodes: 0 })
    expect((await database.audit.list({ userId: 1 }, 1))[0]).toMatchObject({ event: 'factor_removed' })
  })

  test('deletes a user after a question, and does not give the name to another user', async () => {
    const { run, type, database } = await start()
    await register(database, 'john', 'jane')
    await database.administration.change(null, 2, { role: 'admin' })
    const refused = await type(['users', 'delete', 'John'], [['[y/N]', 'n\r']])
    expect(refused.output).toContain('Delete john (id 1) and keep the messages under another name?')
    expect(await database.users.findByUsername('john')).toMatchObject({ status: 'active' })
    expect(await run(['users', 'delete', 'John', '--erase', '--yes'])).toEqual({
      output: 'john (id 1) is deleted. Every session has ended. A running service removes the rest.\n',
      code: 0
    })
    expect((await database.users.findByIds([1])).get(1)).toMatchObject({ status: 'deleting', hashedPassword: null })
    expect((await run(['users', 'create', 'john'], PASSWORD)).output).toContain('is taken')
    expect(await run(['users', 'delete', 'jane', '--yes'])).toMatchObject({
      code: 1,
      output: expect.stringContaining('only administrator')
    })
    expect(await eventsOf(database)).toEqual([['account_deletion_requested', 1, { erase: true, by: 'operator' }]])
  })

  test.for(['promote --yes', 'demote', 'suspend', 'restore', 'reset-password', 'remove-factors', 'delete --yes'])(
    '%s fails for an unknown name, and names the next command',
    async command => {
      const { run } = await start()
      expect(await run(['users', ...command.split(' '), 'nobody'])).toEqual({
        output: 'fastify-chat: There is no user "nobody". Run `fastify-chat users list`.\n',
        code: 1
      })
    }
  )
})

describe('keys', () => {
  test('are rotated when every running process has the new key, and then the old one can be removed', async () => {
    const { run, env, database } = await start()
    const service = await startBuilt(env)
    const key = generateKey()
    const rotating = { ENCRYPTION_KEY: key, ENCRYPTION_KEY_PREVIOUS: ENCRYPTION_KEY }
    await run(['users', 'create', 'john'], PASSWORD)
    expect((await run(['keys', 'status'], '', rotating)).output).toMatch(
      /must stay: 1 running process encrypts with it/
    )
    expect(await run(['status'])).toEqual({
      code: 0,
      output: expect.stringMatching(/^PROCESS .*\n\S+:\d+ .* postgres.* s ago\n\n1 process, 0 connections\.\n$/)
    })
    const refused = await run(['keys', 'rotate'], '', rotating)
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('1 running process has no key') })
    service.child.kill('SIGTERM')
    await service.ended
    const rotated = await run(['keys', 'rotate'], '', rotating)
    expect(rotated.output).toMatch(/can be removed[\s\S]*\n1 row encrypted again[\s\S]*Keep every old key/)
    expect(rotated.code).toBe(0)
    expect((await run(['users', 'create', 'jane'], PASSWORD, { ENCRYPTION_KEY: key })).code).toBe(0)
    expect(await database.users.findByUsername('jane')).toBeDefined()
  })
})

test('names, key ids and host names cannot control the terminal, or look like other rows', async () => {
  const { run, type, database } = await start()
  const name = 'eve\x1b[2J\x9b1m\u202e\nroot'
  const shown = 'eve␛[2J\ufffd1m\ufffd root'
  await register(database, name)
  await database.keys.use([name])
  const state = { host: name, pid: 1, uptimeMs: 0, connections: 0, bus: [] }
  await database.processes.refresh({ id: 'one', version: '1', keyId: name, keyIds: [name] }, state)
  for (const args of [
    ['users', 'list'],
    ['users', 'suspend', name],
    ['users', 'restore', name],
    ['sessions', 'revoke', name],
    ['keys', 'status'],
    ['status']
  ]) {
    const { output, code } = await run(args)
    expect({ args, code, lines: output.split('\n').filter(line => line.includes(shown)) }).toMatchObject({
      code: 0,
      lines: [expect.any(String)]
    })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain control characters.
    expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|\p{Bidi_Control}/u)
  }
  const asked = await type(['users', 'promote', `'${name}'`], [['[y/N]', 'n\r']])
  expect(asked.output).toContain(`${shown} (id 1) registered`)
  expect(asked.output).not.toContain('\x1b[2J')
})

describe('a rotation of the key', () => {
  test('runs once at a time, and continues after kill -9', async () => {
    const { run, begin, database } = await start()
    const { client, schema } = database
    const key = generateKey()
    const rotating = { ENCRYPTION_KEY: key, ENCRYPTION_KEY_PREVIOUS: ENCRYPTION_KEY }
    const { token, keyId } = createKeyring({ current: ENCRYPTION_KEY, now: Date.now }).encrypt('hello')
    await client.query(
      `insert into "${schema}".messages (room_id, seq, kind, user_id, content, key_id, write_id, created_at)
       select 1, n, 'message', 1, $1, $2, 'w' || n, now() from generate_series(1, 1000) as n`,
      [token, keyId]
    )
    const left = async () =>
      (await client.query(`select from "${schema}".messages where content is not null and key_id = $1`, [keyId])).length
    // The rotation skips a locked row and tries again later, so it cannot end before the row is unlocked.
    const release = await lockRow(database, 500)
    const first = begin(['keys', 'rotate'], rotating)
    await expect.poll(left, { timeout: 60_000, interval: 50 }).toBe(1)
    expect(await run(['keys', 'rotate'], '', rotating)).toMatchObject({
      code: 1,
      output: expect.stringContaining('already runs')
    })
    first.kill('SIGKILL')
    await once(first, 'exit')
    await release()
    // Simulates an erasure between the runs.
    await client.query(`update "${schema}".messages set content = null, key_id = null where seq = 499`)
    await expect
      .poll(async () => (await run(['keys', 'rotate'], '', rotating)).output, { timeout: 60_000 })
      .toMatch(/\n1 row encrypted again/)
    expect(await left()).toBe(0)
    const rows = await client.query<{ content: string | null }>(`select content from "${schema}".messages order by seq`)
    const { decrypt } = createKeyring({ current: key, now: Date.now })
    expect(rows.filter(({ content }) => content !== null && decrypt(content) === 'hello')).toHaveLength(999)
    expect(rows[498]).toEqual({ content: null })
  })
})

/** The transaction has no time limit, because it must hold the lock until the commands have ended. */
const UNLIMITED = { isUnlimited: true }

/** Locks the message `seq` of the first room. Resolves with a function that releases the lock. */
const lockRow = async ({ client, schema }: ChatDatabase, seq: number) => {
  const [locked, released] = [createDeferred(), createDeferred()]
  const ended = client.transaction(async transaction => {
    await transaction.exec('set local idle_in_transaction_session_timeout = 0')
    await transaction.query(`select from "${schema}".messages where room_id = 1 and seq = $1 for update`, [seq])
    locked.resolve()
    await released.promise
  }, UNLIMITED)
  // Prevents an unhandled rejection. The returned function rejects with the same error.
  ended.catch(() => {})
  await locked.promise
  return () => {
    released.resolve()
    return ended
  }
}

describe('sessions revoke', () => {
  test('ends the sessions of one user, or of all users after a question', async () => {
    const { run, type, database } = await start()
    await register(database, 'john', 'jane')
    const generations = async () => {
      const found = await database.users.findByIds([1, 2])
      return [found.get(1)?.generation, found.get(2)?.generation]
    }
    expect(await run(['sessions', 'revoke', 'JOHN'])).toEqual({
      output: 'Every session of john (id 1) has ended.\n',
      code: 0
    })
    expect(await generations()).toEqual([1, 0])
    for (const args of [[], ['john', '--all']]) expect((await run(['sessions', 'revoke', ...args])).code).toBe(1)
    expect((await run(['sessions', 'revoke', '--all'])).output).toContain('Add the option --yes')
    await type(['sessions', 'revoke', '--all'], [['[y/N]', 'n\r']])
    expect(await generations()).toEqual([1, 0])
    expect(await run(['sessions', 'revoke', '--all', '--yes'])).toEqual({
      output: 'The sessions of 2 users have ended.\n',
      code: 0
    })
    expect(await generations()).toEqual([2, 1])
    expect(await eventsOf(database)).toEqual([
      ['sessions_ended', null, { all: true, by: 'operator' }],
      ['sessions_ended', 1, { by: 'operator' }]
    ])
  })
})
