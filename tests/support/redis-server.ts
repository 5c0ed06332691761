/** Runs Debian's redis-server and redis-sentinel on free ports, each with its data in memory and a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { acceptsConnections } from './accepts-connections.ts'
import { freePort } from './free-port.ts'

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

/** Two servers with a Sentinel that fails over within seconds. */
export interface RedisWithSentinel {
  /** The settings of a client: the URL with the name of the primary, and the Sentinels. The first Sentinel does not respond. */
  readonly settings: { readonly url: string; readonly sentinels: readonly string[] }
  /** Runs a command on the primary. */
  command(words: readonly string[]): string
  /** Kills the primary after Sentinel is ready to fail over. Resolves when the other server is the primary. */
  failOver(): Promise<void>
  /** Starts the killed server again. Sentinel makes it a replica. */
  recover(): Promise<void>
  stop(): Promise<void>
}

const NAME = 'chat-primary'

export const startRedisWithSentinel = async (): Promise<RedisWithSentinel> => {
  const config = ['requirepass secret', 'masterauth secret']
  const auth = ['--no-auth-warning', '-a', 'secret']
  const first = await startRedis({ config })
  const second = await startRedis({ config: [...config, `replicaof 127.0.0.1 ${first.port}`] })
  const sentinel = await startRedis({
    program: 'redis-sentinel',
    config: [
      `sentinel monitor ${NAME} 127.0.0.1 ${first.port} 1`,
      `sentinel auth-pass ${NAME} secret`,
      `sentinel down-after-milliseconds ${NAME} 1500`,
      `sentinel failover-timeout ${NAME} 3000`
    ]
  })
  /** Returns the primary and the other server. Asks Sentinel, because it may fail over by itself on a busy machine. */
  const servers = (): readonly [RedisServer, RedisServer] => {
    const [, port] = sentinel.command(['sentinel', 'get-master-addr-by-name', NAME]).split('\n')
    return port === String(first.port) ? [first, second] : [second, first]
  }
  const roleOf = (server: RedisServer) => server.command(['role'], auth).split('\n')[0]
  /** Resolves when Sentinel knows that it can make the replica the primary. Sentinel queries the replica every 10 s. */
  const untilReady = async (): Promise<void> => {
    const isReady = () => {
      const [, { port }] = servers()
      const [, fields = ''] = sentinel.command(['sentinel', 'replicas', NAME]).split(`127.0.0.1:${port}\n`)
      return /\nflags\nslave\n/.test(fields) && /master-link-status\nok\n/.test(fields)
    }
    while (!isReady()) await delay(200)
  }
  let killed: RedisServer | undefined
  await untilReady()
  return {
    settings: {
      url: `redis://:secret@${NAME}`,
      sentinels: [`127.0.0.1:${await freePort()}`, `127.0.0.1:${sentinel.port}`]
    },
    command: words => servers()[0].command(words, auth),
    async failOver() {
      await untilReady()
      const [primary, replica] = servers()
      killed = primary
      await primary.kill()
      while (servers()[0] !== replica || roleOf(replica) !== 'master') await delay(100)
    },
    async recover() {
      await killed?.start()
    },
    async stop() {
      for (const server of [sentinel, second, first]) await server.stop()
    }
  }
}
