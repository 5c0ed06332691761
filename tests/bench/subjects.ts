/** What is measured: our service and its peers, each started as a process and spoken to in its own words. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateKey } from '../../src/crypto/fernet.ts'
import { connectRaw, type RawClient } from './raw-client.ts'

export interface Subject {
  readonly name: string
  readonly pid: number
  readonly port: number
  /** One more client, ready to hear what is sent from now on. */
  connect(): Promise<RawClient>
  /** The frame that sends a text to everybody. */
  message(text: string): string
  stop(): Promise<void>
}

const root = join(import.meta.dirname, '../..')
const TICKS_PER_SECOND = 100

/** The CPU seconds that a process has used, in user and system together. */
export const cpuSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** The resident memory of a process, in bytes. */
export const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024

const stopOf = (child: ChildProcess) => async (): Promise<void> => {
  if (child.exitCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** On the first core, so that the load on the second does not take its time. */
const start = (args: string[], env: Record<string, string> = {}): ChildProcess =>
  spawn('taskset', ['-c', '0', process.execPath, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit']
  })

const firstLine = async (child: ChildProcess): Promise<string> => {
  let text = ''
  for await (const data of child.stdout ?? []) {
    text += data
    if (text.includes('\n')) return text.split('\n')[0] ?? ''
  }
  throw new Error('it ended before it listened')
}

/** The whole service from the build: auth, encryption, PostgreSQL. */
export const startService = async (
  databaseUrl: string,
  schema: string,
  port: number,
  nodeArgs: readonly string[] = []
): Promise<Subject & { token: string }> => {
  const child = start([...nodeArgs, 'dist/src/cli.js', 'serve'], {
    DATABASE_URL: databaseUrl,
    DATABASE_SCHEMA: schema,
    SECRET_KEY: generateKey(),
    ENCRYPTION_KEY: generateKey(),
    HOST: '127.0.0.1',
    PORT: String(port),
    LOG_LEVEL: 'warn',
    BCRYPT_ROUNDS: '4',
    REGISTER_RATE_LIMIT: '0',
    LOGIN_RATE_LIMIT: '0',
    MESSAGE_RATE_LIMIT: '0',
    CONNECTIONS_PER_USER: '0'
  })
  child.stdout?.resume()
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(`${url}/health/live`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error('the service ended before it answered')
    await new Promise(done => setTimeout(done, 50))
  }
  const call = async (path: string) => {
    const body = JSON.stringify({ username: `bench-${port}`, password: 'SecurePass123' })
    const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return (await response.json()) as { access_token: string }
  }
  await call('/api/auth/register')
  const { access_token: token } = await call('/api/auth/login')
  return {
    name: 'fastify-chat',
    pid: child.pid ?? 0,
    port,
    token,
    connect: () => connectRaw(port, `/ws/chat?token=${token}`),
    message: text => JSON.stringify({ type: 'message', content: text }),
    stop: stopOf(child)
  }
}

/** A peer of peers.ts. */
export const startPeer = async (kind: 'ws-loop' | 'ws-chunk' | 'socket.io', name: string): Promise<Subject> => {
  const child = start(['--import', 'tsx', 'tests/bench/peers.ts', kind])
  const port = Number(await firstLine(child))
  const connectPeer = async () => {
    if (kind !== 'socket.io') return connectRaw(port, '/')
    const client = await connectRaw(port, '/socket.io/?EIO=4&transport=websocket')
    client.send('40')
    while (client.frames < 2) await new Promise(setImmediate)
    return client
  }
  return {
    name,
    pid: child.pid ?? 0,
    port,
    connect: connectPeer,
    message: text =>
      kind === 'socket.io' ? `42${JSON.stringify(['message', { content: text }])}` : JSON.stringify({ content: text }),
    stop: stopOf(child)
  }
}
