/** Tests the built program as a process: its output and its exit code. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { migrateDown } from '../../src/db/migrate.ts'
import { version } from '../../src/lib/package.ts'
import { builtProgram } from '../support/built-service.ts'
import { endWithTest } from '../support/child-process.ts'
import { freePort } from '../support/free-port.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const root = join(import.meta.dirname, '../..')

let program: string
beforeAll(async () => {
  program = await builtProgram()
})

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Run {
  readonly out: string
  readonly err: string
  readonly code: number | null
}

const { DATABASE_URL: _url, SECRET_KEY: _secret, ENCRYPTION_KEY: _key, ...clean } = process.env

/** Starts the program, and kills it when the test ends. `ended` resolves with its output and exit code. */
const start = (
  args: string[],
  { cwd = newFolder(), env = {} }: { cwd?: string; env?: Record<string, string> } = {}
) => {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...clean, ...env }
  })
  endWithTest(child)
  let out = ''
  let err = ''
  let check: () => unknown = () => {}
  child.stdout.on('data', data => {
    out += data
    check()
  })
  child.stderr.on('data', data => {
    err += data
    check()
  })
  const ended = new Promise<Run>(resolve => child.on('close', code => resolve({ out, err, code })))
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      check = () => holds() && resolve()
      ended.then(({ err: stderr }) => reject(new Error(`The program ended first: ${stderr}`)))
      check()
    })
  const prints = (text: string | RegExp) =>
    until(() => (typeof text === 'string' ? out.includes(text) : text.test(out)))
  return { child, ended, prints, printsError: (text: string) => until(() => err.includes(text)) }
}

const run = (args: string[], options?: Parameters<typeof start>[1]): Promise<Run> => start(args, options).ended

describe('fastify-chat', () => {
  test('prints its usage and its version', async () => {
    const { out, code } = await run(['--help'])
    expect(code).toBe(0)
    for (const command of ['serve', 'dev', 'migrate', 'keys', 'openapi']) expect(out).toContain(command)
    expect(await run(['--version'])).toMatchObject({ out: `${version}\n`, code: 0 })
  })

  test.for([['nonsense'], ['migrate', 'sideways'], ['serve', '--nonsense']])(
    'exits with 2 for the arguments %j',
    async args => {
      const { out, err, code } = await run(args)
      expect({ out, code }).toEqual({ out: '', code: 2 })
      expect(err).toMatch(/error: .*(unknown|too many)/)
    }
  )

  test('prints symbols for control characters in an argument that it does not know', async () => {
    const { err, code } = await run(['\x1b[2J\x9b1m\u202e'])
    expect({ err, code }).toEqual({ err: expect.stringContaining("unknown command '␛[2J\ufffd1m\ufffd'"), code: 2 })
  })

  test('generates new keys in the format of .env', async () => {
    const { out, code } = await run(['keys', 'generate'])
    expect(code).toBe(0)
    expect(out).toMatch(/^SECRET_KEY=[\w-]{64}\nENCRYPTION_KEY=[\w-]{43}=\n$/)
    expect((await run(['keys', 'generate'])).out).not.toBe(out)
  })

  test('prints the OpenAPI document that is committed', async () => {
    const { out, err, code } = await run(['openapi'])
    expect({ err, code }).toEqual({ err: '', code: 0 })
    const committed = readFileSync(join(root, 'docs/openapi.json'), 'utf8')
    expect(out, 'docs/openapi.json is out of date: run `npm run openapi`').toBe(committed)
  })
})

describe('serve', () => {
  test('names every invalid setting in one message, without a stack trace', async () => {
    const env = { PORT: 'eighty', SECRET_KEY: 'opensesame', DATABASE_CA_FILE: 'nowhere' }
    const { out, err, code } = await run(['serve'], { env })
    expect({ out, code }).toEqual({ out: '', code: 1 })
    for (const name of ['PORT', 'SECRET_KEY', 'ENCRYPTION_KEY', 'DATABASE_URL', 'DATABASE_CA'])
      expect(err).toContain(`\n  ${name} `)
    expect(err).not.toMatch(/opensesame|eighty|\n {4}at /)
  })

  test('names the database that does not respond, without its password', async () => {
    const port = await freePort()
    const { err, code } = await run(['serve'], {
      env: {
        DATABASE_URL: `postgres://john:opensesame@127.0.0.1:${port}/chat`,
        DATABASE_WAIT_SECONDS: '1',
        SECRET_KEY,
        ENCRYPTION_KEY
      }
    })
    expect(code).toBe(1)
    expect(err).toContain(`127.0.0.1:${port}`)
    expect(err).not.toMatch(/opensesame|\n {4}at /)
  })

  test('reports that its port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => {
      server.close()
    })
    await new Promise(resolve => server.once('listening', resolve))
    const address = server.address()
    const port = String(typeof address === 'object' && address?.port)
    const { err, code } = await run(['dev'], { env: { PORT: port } })
    expect(code).toBe(1)
    expect(err).toBe(`fastify-chat: Port ${port} is in use. Stop the other program, or set PORT to another port.\n`)
  }, 300_000)
})

describe('dev', () => {
  test('writes .env once, and keeps its data after a stop and after a kill', async () => {
    const cwd = newFolder()
    const port = String(await freePort())
    const url = `http://127.0.0.1:${port}`
    const startDev = async () => {
      const dev = start(['dev'], { cwd, env: { PORT: port } })
      await dev.prints('is ready at')
      return dev
    }
    const post = async (path: string) => {
      const body = JSON.stringify({ username: 'john', password: 'SecurePass123' })
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body
      })
      return { status: response.status, body: (await response.json()) as Record<string, string> }
    }

    const first = await startDev()
    const written = readFileSync(join(cwd, '.env'), 'utf8')
    expect(statSync(join(cwd, '.env')).mode & 0o777).toBe(0o600)
    expect(written).toMatch(/^DATABASE_URL=pglite:\.data\/chat$/m)
    expect((await post('/api/auth/register')).status).toBe(201)
    first.child.kill('SIGTERM')
    first.child.kill('SIGTERM')
    expect(await first.ended).toMatchObject({ code: 0, err: '', out: expect.stringContaining('/docs') })

    const second = await startDev()
    expect(readFileSync(join(cwd, '.env'), 'utf8')).toBe(written)
    expect((await post('/api/auth/login')).status).toBe(200)
    const refused = await run(['serve'], { cwd, env: { PORT: String(await freePort()) } })
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('open in another process') })
    second.child.kill('SIGKILL')
    await second.ended

    const third = await startDev()
    expect((await post('/api/auth/login')).status).toBe(200)
    third.child.kill('SIGINT')
    expect((await third.ended).code).toBe(0)
  }, 300_000)

  test('does not change an existing .env, and names a setting that is missing in it', async () => {
    const cwd = newFolder()
    writeFileSync(join(cwd, '.env'), 'LOG_LEVEL=warn\n')
    const { err, code } = await run(['dev'], { cwd })
    expect(code).toBe(1)
    expect(err).toContain('SECRET_KEY is missing')
    expect(readFileSync(join(cwd, '.env'), 'utf8')).toBe('LOG_LEVEL=warn\n')
  })

  test('restarts when .env changes, and keeps running when the new settings are not valid', async () => {
    const cwd = newFolder()
    const port = String(await freePort())
    const dev = start(['dev'], { cwd, env: { PORT: port } })
    await dev.prints('is ready at')
    const statusOf = async (): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${port}/health`)
      const { status } = (await response.json()) as { status: string }
      return status
    }
    appendFileSync(join(cwd, '.env'), 'MAX_MESSAGE_LENGTH=many\n')
    await dev.printsError('MAX_MESSAGE_LENGTH')
    expect(await statusOf()).toBe('healthy')
    const good = readFileSync(join(cwd, '.env'), 'utf8').replace('=many', '=5000')
    writeFileSync(join(cwd, '.env'), good)
    await dev.prints('.env has changed. Restarting.')
    await dev.prints(/is ready at.*is ready at/s)
    expect(await statusOf()).toBe('healthy')
  }, 300_000)
})

describe('migrate down', () => {
  const onTerminal = async (cwd: string, typed: string, args = ''): Promise<string> => {
    const command = `${process.execPath} ${program} migrate down ${args}`
    // `script` runs the program on a pseudo-terminal.
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      cwd,
      env: { ...clean, DATABASE_URL: 'pglite:data' }
    })
    endWithTest(child)
    let shown = ''
    child.stdout.on('data', data => {
      const isAsked = shown.includes('[y/N]')
      shown += data
      if (!isAsked && shown.includes('[y/N]')) child.stdin.write(typed)
    })
    await once(child, 'close')
    return shown
  }

  test('says which data it would delete and asks for confirmation, unless --yes is given', async () => {
    const cwd = newFolder()
    const env = { DATABASE_URL: 'pglite:data' }
    await run(['migrate', 'up'], { cwd, env })
    const client = await openClient({ url: `pglite:${join(cwd, 'data')}`, poolMax: 1 })
    while ((await migrateDown(client, 'public')) !== '0020_reports');
    await client.query('insert into blocks (user_id, blocked_id) select 1, generate_series(2, 4)')
    await client.close()
    const refused = await run(['migrate', 'down'], { cwd, env })
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(/To revert 0019_blocks deletes 3 rows of blocks\..*--yes/s)
    const applied = async () => (await run(['migrate', 'status'], { cwd, env })).out.match(/applied/g)?.length ?? 0
    const all = await applied()
    const declined = await onTerminal(cwd, 'n\n')
    expect(declined).toContain('3 rows of blocks')
    expect(declined).toContain('Nothing was reverted.')
    expect(await applied()).toBe(all)
    expect(await onTerminal(cwd, 'y\n')).toContain('reverted ')
    expect(await applied()).toBe(all - 1)
    // Without data, the command asks only on a terminal.
    expect(await onTerminal(cwd, 'n\n')).toContain('It deletes no data.')
    expect(await applied()).toBe(all - 1)
    expect(await run(['migrate', 'down'], { cwd, env })).toMatchObject({ code: 0 })
    expect(await onTerminal(cwd, '', '--yes')).not.toContain('[y/N]')
    expect(await applied()).toBe(all - 3)
  }, 300_000)
})
