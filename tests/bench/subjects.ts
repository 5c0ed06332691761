/** Starts the subjects of a measurement: the service and its peers, each in its own process and with its own protocol. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import postgres, { type Sql } from 'postgres'
import { generateKey } from '../../src/crypto/fernet.ts'
import { freePort } from '../support/free-port.ts'
import { connectRaw, type RawClient } from './raw-client.ts'
import { pause } from './rows.ts'

const root = join(import.meta.dirname, '../..')
const TICKS_PER_SECOND = 100
const PASSWORD = 'SecurePass123'
export const DATABASE_URL = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'

/** A process that is measured. */
export interface Subject {
  readonly name: string
  readonly pid: number
  readonly port: number
  /** Returns the CPU time so far, user and system, in seconds. */
  cpu(): number
  /** Returns the resident memory after a garbage collection, in bytes. */
  memory(): Promise<number>
  /** Returns the maximum resident memory since the last call, in bytes. */
  peakMemory(): number
  /** Connects one more client, which receives everything that is sent from then on. */
  connect(): Promise<RawClient>
  /** Returns the frame that sends a text to all clients. */
  message(text: string): string
  /** Kills the process with SIGKILL. */
  kill(): Promise<void>
}

/** The service. */
export interface Service extends Subject {
  readonly tokens: readonly string[]
  readonly url: string
  /** Opens a connection with a query, such as `rooms=`. */
  open(token: string, query?: string): Promise<RawClient>
}

/** A new database schema, with the secrets of the services on it. */
export interface BenchSchema {
  readonly schema: string
  readonly sql: Sql
  readonly secrets: Readonly<Record<string, string>>
  drop(): Promise<void>
}

export const createBenchSchema = (): BenchSchema => {
  const schema = `bench_${randomBytes(4).toString('hex')}`
  const sql = postgres(DATABASE_URL, { max: 4, onnotice: () => {} })
  return {
    schema,
    sql,
    secrets: { SECRET_KEY: generateKey(), ENCRYPTION_KEY: generateKey() },
    async drop() {
      await sql.unsafe(`drop schema if exists ${schema} cascade`)
      await sql.end({ timeout: 1 })
    }
  }
}

/** Binds a process to a core, if `taskset` is available. The subjects share the first core, the load has the second. */
export const pinTo = (core: number, pid: number): void => {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' })
  } catch {
    process.stderr.write(
      '*** taskset was not found: the load and the subjects share cores, so the ratios are less accurate. ***\n'
    )
  }
}

const status = (pid: number, field: string): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024

const cpuSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Returns the CPU time of the load (this process), in seconds. */
export const loadCpu = (): number => cpuSeconds(process.pid)

const start = (args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess => {
  const child = spawn(process.execPath, ['--expose-gc', '--import', './tests/bench/collect.js', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  pinTo(0, child.pid ?? 0)
  // Kills the subject whenever this process exits.
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

const measuredOf = (child: ChildProcess): Pick<Subject, 'pid' | 'cpu' | 'memory' | 'peakMemory' | 'kill'> => {
  const pid = child.pid ?? 0
  return {
    pid,
    cpu: () => cpuSeconds(pid),
    async memory() {
      for (let times = 0; times < 3; times++) {
        child.kill('SIGUSR2')
        await pause(700)
      }
      return status(pid, 'VmRSS')
    },
    peakMemory() {
      const peak = status(pid, 'VmHWM')
      writeFileSync(`/proc/${pid}/clear_refs`, '5')
      return peak
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
  }
}

export interface ServiceOptions {
  /** The number of users to register, with a token for each. */
  readonly people?: number
  readonly env?: Readonly<Record<string, string>>
  readonly nodeArgs?: readonly string[]
}

/** Starts the built service, with auth, encryption and PostgreSQL. */
export const startService = async (
  { schema, secrets }: BenchSchema,
  { people = 1, env = {}, nodeArgs = [] }: ServiceOptions = {}
): Promise<Service> => {
  const port = await freePort()
  const child = start([...nodeArgs, 'dist/src/cli.js', 'serve'], {
    ...secrets,
    DATABASE_URL,
    DATABASE_SCHEMA: schema,
    HOST: '127.0.0.1',
    PORT: String(port),
    LOG_LEVEL: 'warn',
    BCRYPT_ROUNDS: '4',
    REGISTER_RATE_LIMIT: '0',
    LOGIN_RATE_LIMIT: '0',
    MESSAGE_RATE_LIMIT: '0',
    READ_RATE_LIMIT: '0',
    CONNECTIONS_PER_USER: '0',
    ...env
  })
  child.stdout?.resume()
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(`${url}/health/live`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error('the service exited before it was ready')
    await pause(50)
  }
  const tokens: string[] = []
  while (tokens.length < people) {
    const names = Array.from(
      { length: Math.min(20, people - tokens.length) },
      (_, at) => `person-${tokens.length + at}`
    )
    tokens.push(...(await Promise.all(names.map(name => logIn(url, name)))))
  }
  let connected = 0
  const open = (token: string, query = '') => connectRaw(port, `/ws/chat?${query}${query && '&'}token=${token}`)
  return {
    ...measuredOf(child),
    name: 'fastify-chat',
    port,
    url,
    tokens,
    open,
    connect: () => open(tokens[connected++ % tokens.length] ?? ''),
    message: text => JSON.stringify({ type: 'message', content: text })
  }
}

/** Logs a user in, after registering it if necessary. Returns the token. */
const logIn = async (url: string, username: string): Promise<string> => {
  const call = async (path: string): Promise<{ access_token?: string }> => {
    const body = JSON.stringify({ username, password: PASSWORD })
    const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return (await response.json()) as { access_token?: string }
  }
  await call('/api/auth/register')
  const { access_token: token } = await call('/api/auth/login')
  if (token === undefined) throw new Error(`${username} could not log in`)
  return token
}

/** The peers in peers.ts. */
export type PeerKind = 'ws-loop' | 'ws-chunk' | 'fastify-websocket' | 'socket.io' | 'fastify-route' | 'postgres.js'

export interface Peer extends Subject {
  /** Sends the process a line. Returns the line that it prints. */
  request(line: string): Promise<string>
}

export const startPeer = async (kind: PeerKind, env: Readonly<Record<string, string>> = {}): Promise<Peer> => {
  const child = start(['--import', 'tsx', 'tests/bench/peers.ts', kind], env)
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${kind} ended`)
    return value
  }
  const port = Number(await nextLine())
  const isSocketIo = kind === 'socket.io'
  return {
    ...measuredOf(child),
    name: kind,
    port,
    async connect() {
      if (!isSocketIo) return connectRaw(port, '/')
      const client = await connectRaw(port, '/socket.io/?EIO=4&transport=websocket')
      client.send('40')
      while (client.frames < 2) await new Promise(setImmediate)
      return client
    },
    message: text =>
      isSocketIo ? `42${JSON.stringify(['message', { content: text }])}` : JSON.stringify({ content: text }),
    async request(line) {
      child.stdin?.write(`${line}\n`)
      return nextLine()
    }
  }
}

/** Connects many clients, 50 at a time. */
export const connectMany = async (count: number, connect: () => Promise<RawClient>): Promise<RawClient[]> => {
  const clients: RawClient[] = []
  while (clients.length < count) {
    clients.push(...(await Promise.all(Array.from({ length: Math.min(50, count - clients.length) }, connect))))
  }
  return clients
}

export const framesOf = (clients: readonly RawClient[]): number =>
  clients.reduce((sum, client) => sum + client.frames, 0)
