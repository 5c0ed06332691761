/**
 * Runs the built service, which is the target of the attacks, in a separate process with a new database. Reads the memory, the
 * sockets and the log lines of the service. The service starts like `fastify-chat serve`, but with shorter timeouts.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import postgres from 'postgres'
import { freePort } from '../support/free-port.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

/** The service under attack. */
export interface Victim {
  readonly port: number
  /** Returns the memory usage in bytes after a full garbage collection. */
  memory(): Promise<NodeJS.MemoryUsage>
  /** Returns how many client sockets are open. */
  sockets(): number
  /** Returns how many lines at level `warn` and above were logged since the last call, keyed by message and error code. */
  takeLog(): ReadonlyMap<string, number>
  readonly isUp: boolean
  stop(): Promise<void>
}

const root = join(import.meta.dirname, '../..')
const WARN = 40

/** Starts the service from `dist`. Rejects if it isn't built, or if PostgreSQL cannot be reached. */
export const startVictim = async (settings: Record<string, string>): Promise<Victim> => {
  const server = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
  const name = `chat_hostile_${randomBytes(6).toString('hex')}`
  const sql = postgres(server, { max: 1, onnotice: () => {} })
  await sql.unsafe(`create database ${name}`)
  const database = new URL(server)
  database.pathname = `/${name}`
  const port = await freePort()
  const child = spawn(process.execPath, ['--expose-gc', join(import.meta.dirname, 'serve.js')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: {
      ...process.env,
      DATABASE_URL: database.href,
      SECRET_KEY,
      ENCRYPTION_KEY,
      HOST: '127.0.0.1',
      PORT: String(port),
      BCRYPT_ROUNDS: '4',
      ...settings
    }
  })
  let log = new Map<string, number>()
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  lines.on('line', line => {
    const { level, msg, code } = JSON.parse(line)
    if (level < WARN) return
    const key = code ? `${msg} (${code})` : msg
    log.set(key, (log.get(key) ?? 0) + 1)
  })
  await ready(child)

  return {
    port,
    async memory() {
      const response = once(child, 'message')
      child.send('memory')
      const [usage] = await response
      return usage
    },
    sockets: () => clientSockets(port),
    takeLog() {
      const taken = log
      log = new Map()
      return taken
    },
    get isUp() {
      return child.exitCode === null && child.signalCode === null
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit')
        child.kill('SIGTERM')
        await exited
      }
      await sql.unsafe(`drop database ${name} with (force)`)
      await sql.end({ timeout: 1 })
    }
  }
}

const ready = async (child: ChildProcess): Promise<void> => {
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`The service ended with exit code ${code} before it was ready.`))
    )
  ])
  if (message !== 'ready') throw new Error(String(message))
}

/**
 * Counts the sockets on the service's port in Linux's table of connections. Ignores the listening socket, and sockets that no
 * process holds anymore.
 */
const clientSockets = (port: number): number => {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap(path => readFileSync(path, 'utf8').split('\n').slice(1))
    .map(line => line.trim().split(/\s+/))
    .filter(([, address, , state, , , , , , inode]) => address?.endsWith(local) && state !== LISTENS && inode !== '0')
    .length
}

const LISTENS = '0A'
