/**
 * Checks the API with generated clients (`npm run test:contract`). Lints the OpenAPI document of a running service with Spectral.
 * Generates clients from the document with three generators, and compiles the clients in strict mode. Calls the API with one of
 * the clients. The generators need TypeScript 5, so this folder is a separate package.
 */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { newKeys } from '../../src/cli/keys.ts'
import { freePort } from '../support/free-port.ts'

const START_MS = 60_000
const root = join(import.meta.dirname, '../..')
const client = join(import.meta.dirname, 'client')
const generated = join(client, 'generated')
const generators = join(import.meta.dirname, 'generators')
const tool = (name: string): string => join(import.meta.dirname, 'node_modules/.bin', name)

const run = async (command: string, args: string[], cwd?: string): Promise<void> => {
  // The error contains both streams, because the TypeScript compiler prints its errors to standard output.
  await promisify(execFile)(command, args, { cwd }).catch(({ stdout, stderr }) => {
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  })
}

/** Creates a database on the PostgreSQL server. If that fails, creates an embedded database, which takes longer. */
const newDatabase = async (): Promise<{ url: string; drop(): Promise<unknown> }> => {
  const server = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
  const name = `chat_contract_${randomBytes(6).toString('hex')}`
  const sql = postgres(server, { max: 1, connect_timeout: 3, onnotice: () => {} })
  try {
    await sql.unsafe(`create database ${name}`)
    const url = Object.assign(new URL(server), { pathname: `/${name}` }).href
    return { url, drop: () => sql.unsafe(`drop database ${name} with (force)`).then(() => sql.end({ timeout: 1 })) }
  } catch {
    await sql.end({ timeout: 1 })
    const folder = mkdtempSync(join(tmpdir(), 'chat-contract-'))
    return { url: `pglite:${join(folder, 'data')}`, drop: async () => rmSync(folder, { recursive: true, force: true }) }
  }
}

/** Starts the service with a new database in a separate process, as in a deployment. */
const startService = async () => {
  const database = await newDatabase()
  const port = await freePort()
  const { secretKey, encryptionKey } = newKeys()
  const { PATH = '' } = process.env
  const settings = {
    DATABASE_URL: database.url,
    SECRET_KEY: secretKey,
    ENCRYPTION_KEY: encryptionKey,
    HOST: '127.0.0.1',
    PORT: String(port),
    BCRYPT_ROUNDS: '4',
    API_CONTACT: 'chat@example.com',
    LOG_LEVEL: 'warn'
  }
  const service = spawn(process.execPath, ['--import', 'tsx', join(root, 'src/cli.ts'), 'serve'], {
    cwd: root,
    env: { PATH, ...settings },
    stdio: ['ignore', 'ignore', 'inherit']
  })
  const ended = new Promise<void>(resolve => service.once('close', () => resolve()))
  const stop = async () => {
    service.kill('SIGTERM')
    await ended
    await database.drop()
  }
  return { url: `http://127.0.0.1:${port}`, stop, hasEnded: () => service.exitCode !== null }
}

const untilReady = async (url: string, hasEnded: () => boolean): Promise<void> => {
  const deadline = Date.now() + START_MS
  for (;;) {
    const response = await fetch(`${url}/health/ready`).catch(() => undefined)
    if (response?.ok) return
    if (hasEnded() || Date.now() > deadline) throw new Error('The service did not start.')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

const took = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  const began = Date.now()
  const done = await work()
  process.stdout.write(`${what}: ${((Date.now() - began) / 1000).toFixed(1)} s\n`)
  return done
}

/**
 * Lints the document, generates clients with orval and hey-api, and checks that these clients compile in strict mode.
 */
const generateOthers = async (url: string): Promise<void> => {
  rmSync(join(generators, 'generated'), { recursive: true, force: true })
  mkdirSync(join(generators, 'generated'), { recursive: true })
  const response = await fetch(`${url}/openapi.json`)
  writeFileSync(join(generators, 'generated/openapi.json'), await response.text())
  await took('Spectral finds nothing', () =>
    run(tool('spectral'), ['lint', 'generated/openapi.json', '--fail-severity=hint'], generators)
  )
  await took('orval makes zod schemas', () => run(tool('orval'), ['--config', 'orval.config.cjs'], generators))
  await took('hey-api makes a client', () =>
    run(tool('openapi-ts'), ['-i', './generated/openapi.json', '-o', 'generated/hey-api'], generators)
  )
  await took('both compile', () => run(tool('tsc'), ['--project', generators]))
}

const service = await startService()
try {
  await took('the service is ready', () => untilReady(service.url, service.hasEnded))
  mkdirSync(generated, { recursive: true })
  const types = join(generated, 'api.d.ts')
  await took('the types are generated', () =>
    run(tool('openapi-typescript'), [`${service.url}/openapi.json`, '-o', types])
  )
  await took('the client compiles', () => run(tool('tsc'), ['--project', client]))
  const { flow } = await import(join(generated, 'out/flow.js'))
  await took('everything is as documented', () => flow(service.url))
  await generateOthers(service.url)
} finally {
  await service.stop()
}
