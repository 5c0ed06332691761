/** Runs processes of the built service on one new PostgreSQL database. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { freePort } from '../support/free-port.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { until } from './until.ts'

export interface Service {
  readonly port: number
  /** Resolves when the service is ready. */
  start(): Promise<void>
  /** Resolves when the process has ended. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

export interface Services {
  readonly sql: postgres.Sql
  readonly databaseUrl: string
  create(): Promise<Service>
  /** Runs a command of the program. */
  run(...args: string[]): void
  stop(): Promise<void>
}

export const program = join(import.meta.dirname, '../../dist/src/cli.js')

/**
 * Settings without the rate limits, because the walkthrough acts faster than people do. Access tokens expire after a minute, so
 * that clients renew them during the walkthrough.
 */
const SETTINGS = {
  SECRET_KEY,
  ENCRYPTION_KEY,
  HOST: '127.0.0.1',
  LOG_LEVEL: 'error',
  ACCESS_TOKEN_EXPIRE_MINUTES: '1',
  BCRYPT_ROUNDS: '4',
  REGISTER_RATE_LIMIT: '0',
  LOGIN_RATE_LIMIT: '0',
  MESSAGE_RATE_LIMIT: '0',
  READ_RATE_LIMIT: '0',
  MAX_LOOP_DELAY_MS: '0'
}

export const startServices = async (): Promise<Services> => {
  const server = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
  const name = `chat_walkthrough_${randomBytes(6).toString('hex')}`
  const admin = postgres(server, { max: 1, onnotice: () => {} })
  await admin.unsafe(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const sql = postgres(url.href, { max: 1, onnotice: () => {} })
  // Uses an empty working directory, because the service reads the `.env` file of its working directory.
  const cwd = mkdtempSync(join(tmpdir(), 'chat-walkthrough-'))
  const env = { PATH: process.env.PATH, ...SETTINGS, DATABASE_URL: url.href }
  const started: Service[] = []

  const create = async (): Promise<Service> => {
    const port = await freePort()
    let child: ChildProcess | undefined
    const isUp = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
    const service: Service = {
      port,
      async start() {
        child = spawn(process.execPath, [program, 'serve'], {
          cwd,
          env: { ...env, PORT: String(port) },
          stdio: ['ignore', 'inherit', 'inherit']
        })
        await until(`the service on port ${port} is ready`, async () => {
          const response = await fetch(`http://127.0.0.1:${port}/health/ready`)
          await response.arrayBuffer()
          return response.ok
        })
      },
      async end(signal) {
        if (!child || !isUp()) return
        const exited = once(child, 'exit')
        child.kill(signal)
        await exited
      }
    }
    await service.start()
    started.push(service)
    return service
  }

  return {
    sql,
    databaseUrl: url.href,
    create,
    run: (...args) => void execFileSync(process.execPath, [program, ...args], { cwd, env, stdio: 'pipe' }),
    async stop() {
      for (const service of started) await service.end('SIGKILL')
      await sql.end({ timeout: 1 })
      await admin.unsafe(`drop database ${name} with (force)`)
      await admin.end({ timeout: 1 })
      rmSync(cwd, { recursive: true, force: true })
    }
  }
}
