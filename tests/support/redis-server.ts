/** Runs Debian's redis-server and redis-sentinel on free ports, each with its data in memory and a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { acceptsConnections } from './accepts-connections.ts'
import { freePort } from './free-port.ts'

const isInstalled = (program: string): boolean => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const programs = ['redis-server', 'redis-sentinel']
/** Whether the tests of Redis can run. With CI=true they must run, so a missing program is an error. */
export const hasRedis = programs.every(isInstalled)
if (!hasRedis) {
  const reason = 'redis-server or redis-sentinel is not installed'
  if (process.env.CI === 'true') throw new Error(`${reason}. With CI=true every test must run.`)
  process.stderr.write(`\n*** SKIPPED: the tests of Redis. ${reason}. ***\n\n`)
}

export interface RedisOptions {
  /** More lines of the configuration. */
  readonly config?: readonly string[]
  readonly port?: number
  /** Whether the port is for TLS. */
  readonly isSecure?: boolean
  /** Files in the folder of the server, by name. `config` can refer to them with relative paths. */
  readonly files?: Readonly<Record<string, string>>
  readonly program?: 'redis-server' | 'redis-sentinel'
}

export interface RedisServer {
  readonly port: number
  signal(signal: NodeJS.Signals): void
  /** Kills the server with SIGKILL, and resolves when it has ended. */
  kill(): Promise<void>
  /** Starts a killed server again, on the same port. */
  start(): Promise<void>
  /** Runs a command with redis-cli, and returns its output. `options` are options of redis-cli. */
  command(words: readonly string[], options?: readonly string[]): string
  stop(): Promise<void>
}

/** Starts a server. Resolves when it accepts connections. */
export const startRedis = async (options: RedisOptions = {}): Promise<RedisServer> => {
  const { config = [], port = await freePort(), isSecure = false, files = {}, program = 'redis-server' } = options
  const folder = mkdtempSync(join(tmpdir(), 'chat-redis-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const lines = [
    'bind 127.0.0.1',
    isSecure ? `port 0\ntls-port ${port}` : `port ${port}`,
    ...(program === 'redis-server' ? ['save ""', 'repl-diskless-sync-delay 0'] : []),
    `dir ${folder}`,
    ...config
  ]
  writeFileSync(join(folder, 'redis.conf'), `${lines.join('\n')}\n`)
  let child: ChildProcess | undefined
  let output = ''

  const start = async (): Promise<void> => {
    child = spawn(program, [join(folder, 'redis.conf')], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout?.on('data', data => {
      output = `${output}${data}`.slice(-5000)
    })
    while (!(await acceptsConnections(port))) {
      if (child.exitCode !== null) throw new Error(`${program} ended before it accepted connections: ${output}`)
      await delay(20)
    }
  }
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    port,
    signal: signal => void child?.kill(signal),
    kill,
    start,
    command: (words, cliOptions = []) =>
      execFileSync('redis-cli', ['-p', String(port), ...cliOptions, ...words], {
        encoding: 'utf8',
        cwd: folder
      }).trim(),
    async stop() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
