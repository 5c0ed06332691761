/** Tests the built image: its files, startup, chat, health check and shutdown. tests/deploy/image.sh runs these tests. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { version } from '../../src/lib/package.ts'
import { freePort } from '../support/free-port.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { connect } from '../support/socket-client.ts'
import { type ImageConfig, runContainer } from './container.ts'

const { IMAGE_INSPECTION = '', IMAGE_ROOT: root = '' } = process.env
const config: ImageConfig = JSON.parse(readFileSync(IMAGE_INSPECTION, 'utf8')).Docker.config

const server = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const database = `chat_image_${randomBytes(6).toString('hex')}`
const sql = postgres(server, { max: 1, onnotice: () => {} })
const databaseUrl = Object.assign(new URL(server), { pathname: `/${database}` }).href

beforeAll(async () => {
  await sql.unsafe(`create database ${database}`)
})
afterAll(async () => {
  await sql.unsafe(`drop database if exists ${database} with (force)`)
  await sql.end({ timeout: 1 })
})

const keys = { SECRET_KEY, ENCRYPTION_KEY, HOST: '127.0.0.1' }
const run = (env: Record<string, string>, command?: string[]) => runContainer({ root, config, env }, command)

/**
 * Starts the service in a container. Resolves when the service is ready. `startedIn` is the duration of the start in
 * milliseconds.
 */
const serve = async () => {
  const began = Date.now()
  const port = String(await freePort())
  const env = { ...keys, DATABASE_URL: databaseUrl, PORT: port }
  const container = run(env)
  const url = `http://127.0.0.1:${port}`
  let hasEnded = false
  const output = container.ended.then(({ out, err }) => {
    hasEnded = true
    return `${out}${err}`
  })
  while (!(await fetch(`${url}/health/ready`).catch(() => undefined))?.ok) {
    if (hasEnded) throw new Error(`The service ended: ${await output}`)
    if (Date.now() - began > 60_000) throw new Error('The service was not ready within 60 s.')
    await delay(20)
  }
  const isHealthy = async () => (await run(env, [...config.Healthcheck.Test.slice(1)]).ended).code === 0
  return { container, url, isHealthy, startedIn: Date.now() - began }
}

const post = async (url: string, body: unknown, token?: string) => {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

test('the image’s labels contain the version and the revision, and its configuration contains no secret', () => {
  expect(config.Labels['org.opencontainers.image.version']).toBe(version)
  expect(config.Labels['org.opencontainers.image.revision']).not.toBe('unknown')
  expect(JSON.stringify(config)).not.toMatch(/SECRET_KEY|ENCRYPTION_KEY|PASSWORD|DATABASE/)
  expect(config).toMatchObject({ User: '1000:1000', StopSignal: 'SIGTERM' })
})

test('the image contains only the files that the service needs, and the service cannot write to them', () => {
  expect(readdirSync(join(root, 'app')).sort()).toEqual([
    'LICENSE',
    'dist',
    'drizzle',
    'node_modules',
    'package.json',
    'sbom.cdx.json'
  ])
  expect(readFileSync(join(root, 'app/sbom.cdx.json'), 'utf8')).toContain('pkg:npm/fastify@')
  const modules = join(root, 'app/node_modules')
  for (const name of ['fastify', '@node-rs/bcrypt']) expect(existsSync(join(modules, name)), name).toBe(true)
  for (const name of ['typescript', '@electric-sql/pglite', 'pino-pretty', 'redoc', 'vitest']) {
    expect(existsSync(join(modules, name)), name).toBe(false)
  }
  const files = readdirSync(join(root, 'app'), { recursive: true, encoding: 'utf8' })
  const writable = files.filter(name => {
    const { uid, gid, mode } = statSync(join(root, 'app', name))
    return uid === 1000 || gid === 1000 || (mode & 0o002) !== 0
  })
  expect(writable).toEqual([])
})

test('the image passes its arguments to the program, for example keys generate and --version', async () => {
  const generated = await run({}, [...config.Entrypoint, 'keys', 'generate']).ended
  expect(generated).toMatchObject({ code: 0, err: '' })
  expect(generated.out).toMatch(/^SECRET_KEY=[\w-]{64}\nENCRYPTION_KEY=[\w-]{43}=\n$/)
  expect((await run({}, [...config.Entrypoint, '--version']).ended).out).toBe(`${version}\n`)
})

test('the service exits with 1 and names the missing settings if there are none', async () => {
  const { code, err } = await run({}).ended
  expect(code).toBe(1)
  for (const name of ['SECRET_KEY', 'ENCRYPTION_KEY', 'DATABASE_URL']) expect(err).toContain(name)
})

test('the image runs the migrations as a separate command', async () => {
  const { code, out } = await run({ DATABASE_URL: databaseUrl }, [...config.Entrypoint, 'migrate', 'up']).ended
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('applied 0000_tables') })
})

test('the service runs without root, without capabilities and without writable files', async () => {
  const { container, startedIn } = await serve()
  expect(container.status('Uid')).toBe('1000\t1000\t1000\t1000')
  for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapBnd', 'CapAmb']) {
    expect(container.status(set), set).toBe('0000000000000000')
  }
  expect(container.status('NoNewPrivs')).toBe('1')
  expect(container.status('NSpid')).toMatch(/\t1$/)
  expect(container.commandLine()).toEqual(['node', '/app/dist/src/cli.js', 'serve'])
  expect(container.rootOptions()).toContain('ro')
  process.stdout.write(`ready after ${startedIn} ms\n`)
})

test('two users can chat, and SIGTERM closes their connections with 1012 and ends the service with 0', async () => {
  const { container, url, isHealthy } = await serve()
  const people = []
  for (const username of ['john', 'jane']) {
    const credentials = { username, password: 'SecurePass123' }
    expect((await post(`${url}/api/auth/register`, credentials)).status).toBe(201)
    const { body } = await post(`${url}/api/auth/login`, credentials)
    people.push(await connect(`${url.replace('http', 'ws')}/ws/chat?token=${body.access_token}`))
  }
  const [john, jane] = people
  john?.send({ type: 'message', content: 'Hello, world!', nonce: 'first' })
  expect(await jane?.nextOf('message')).toMatchObject({ username: 'john', content: 'Hello, world!', seq: 1 })
  for (const page of ['/docs', '/redoc', '/openapi.json', '/asyncapi.json']) {
    expect((await fetch(url + page)).status, page).toBe(200)
  }
  expect(await isHealthy()).toBe(true)

  const began = Date.now()
  container.signal('SIGTERM')
  expect((await john?.closed)?.code).toBe(1012)
  expect((await container.ended).code).toBe(0)
  expect(Date.now() - began).toBeLessThan(10_000)
  process.stdout.write(`stopped ${Date.now() - began} ms after SIGTERM\n`)
  expect(await isHealthy()).toBe(false)
})

test('the health check fails for a process that hangs', async () => {
  const { container, isHealthy } = await serve()
  container.signal('SIGSTOP')
  expect(await isHealthy()).toBe(false)
})

test('SIGTERM ends the service while it waits for a database', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => {
    silent.close()
  })
  await once(silent, 'listening')
  const address = silent.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const connected = once(silent, 'connection')
  const container = run({ ...keys, DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/x`, DATABASE_WAIT_SECONDS: '60' })
  await connected
  container.signal('SIGTERM')
  expect((await container.ended).code).toBe(0)
})
