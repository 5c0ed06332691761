/** Runs one service process under test. The process reaches its database through a fault proxy. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type FaultProxy, startProxy } from './proxy.ts'

export interface Service {
  readonly url: string
  readonly proxy: FaultProxy
  readonly isUp: boolean
  start(): void
  kill(): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Returns the last 10,000 characters of the process's standard error. */
  readonly stderr: () => string
}

const root = join(import.meta.dirname, '../..')

export const createService = async (
  port: number,
  databasePort: number,
  keys: { secretKey: string; encryptionKey: string },
  environment: Readonly<Record<string, string>> = {}
): Promise<Service> => {
  const proxy = await startProxy(databasePort)
  let child: ChildProcess | undefined
  let stderr = ''

  const start = (): void => {
    const args = ['--import', 'tsx', '--import', './tests/chaos/fault-points.ts', 'src/cli.ts', 'serve']
    child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        DATABASE_URL: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`,
        DATABASE_WAIT_SECONDS: '60',
        SECRET_KEY: keys.secretKey,
        ENCRYPTION_KEY: keys.encryptionKey,
        HOST: '127.0.0.1',
        PORT: String(port),
        LOG_LEVEL: 'error',
        BCRYPT_ROUNDS: '4',
        REGISTER_RATE_LIMIT: '0',
        LOGIN_RATE_LIMIT: '0',
        MESSAGE_RATE_LIMIT: '0',
        READ_RATE_LIMIT: '0',
        CONNECTIONS_PER_USER: '0',
        CONNECT_RATE: '0',
        ...environment
      }
    })
    child.stderr?.on('data', data => {
      stderr = `${stderr}${data}`.slice(-10_000)
    })
  }

  return {
    url: `http://127.0.0.1:${port}`,
    proxy,
    get isUp() {
      return child !== undefined && child.exitCode === null && child.signalCode === null
    },
    start,
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await exited
    },
    signal: signal => void child?.kill(signal),
    stderr: () => stderr
  }
}
