/**
 * `npm run test:contract`: a client generated from the document of a running service, compiled strictly, and sent all the
 * way through it. The generator needs TypeScript 5, so it and the client are in a package of their own, beside this file.
 */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
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
const tool = (name: string): string => join(import.meta.dirname, 'node_modules/.bin', name)

const run = async (command: string, args: string[]): Promise<void> => {
  // The compiler complains on its standard output.
  await promisify(execFile)(command, args).catch(({ stdout, stderr }) => {
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  })
}

/** A database of its own on the PostgreSQL server where there is one, else embedded: slower to make, and the same. */
const newDatabase = async (): Promise<{ url: string; drop(): Promise<unknown> }> => {
  const server = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
  const name = `chat_contract_${randomBytes(6).toString('hex')}`
  const sql = postgres(server, { max: 1, connect_timeout: 3, onnotice: () => {} })
  try {
    await sql.unsafe(`create database ${name}`)
    const url = Object.assign(new URL(server), { pathname: `/${name}` }).href
    return { url, drop: () => sql.unsafe(`drop database ${name} with (force)`).then(() => sql.end()) }
  } catch {
    await sql.end({ timeout: 1 })
    const folder = mkdtempSync(join(tmpdir(), 'chat-contract-'))
    return { url: `pglite:${join(folder, 'data')}`, drop: async () => rmSync(folder, { recursive: true, force: true }) }
  }
}

/** The service as it is deployed, on a new database. */
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
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined)
    if (answer?.ok) return
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
} finally {
  await service.stop()
}
