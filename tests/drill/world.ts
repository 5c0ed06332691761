/** Starts what the drill breaks: PostgreSQL with a standby, Redis, two processes of the built service, and nginx. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKey } from '../../src/crypto/fernet.ts'
import { type Cluster, findBinaries, type Standby, startCluster } from '../chaos/cluster.ts'
import { type FaultProxy, startProxy } from '../chaos/proxy.ts'
import { freePort } from '../support/free-port.ts'
import { writePlainNginx } from '../support/plain-nginx.ts'
import { find, isOk, type Program, run, runToEnd, until } from './programs.ts'

const root = join(import.meta.dirname, '../..')
const PROGRAM = join(root, 'dist/src/cli.js')

export interface Service {
  readonly port: number
  readonly metricsPort: number
  start(): Promise<void>
  stop(signal?: NodeJS.Signals): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Settings that a step changes. They take effect with the next start. */
  readonly env: Record<string, string>
  /**
   * Environment variables that load a library into the process at its next start, for example a library that changes the clock.
   */
  preload: Readonly<Record<string, string>>
}

export interface World {
  /** The URL of nginx. */
  readonly url: string
  readonly services: readonly [Service, Service]
  readonly primary: Cluster
  readonly standby: Standby
  /** The proxy between both processes and PostgreSQL. */
  readonly database: FaultProxy
  readonly redis: {
    start(): Promise<void>
    stop(signal?: NodeJS.Signals): Promise<void>
    signal(signal: NodeJS.Signals): void
  }
  /** The proxy between the second process and Redis. */
  readonly redisOfSecond: FaultProxy
  /** Runs a command of the service with the settings of the first process. Resolves with its output. */
  command(...args: string[]): Promise<string>
  /** Runs a script of deploy/ on a database of the primary, as an operator does. */
  script(name: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string>
  /** Returns how often nginx responded with each status since the last call. */
  statuses(): Map<string, number>
  stop(): Promise<void>
}

export const startWorld = async (disk?: string): Promise<World> => {
  const binaries = findBinaries()
  const [nginx, redisServer] = [find('nginx'), find('redis-server')]
  if (!binaries || !nginx || !redisServer) throw new Error('The drill needs PostgreSQL, nginx and redis-server.')
  const folder = mkdtempSync(join(tmpdir(), 'chat-drill-'))
  const primary = await startCluster(binaries, disk === undefined ? {} : { folder: disk })
  const standby = await primary.standby()
  const database = await startProxy(primary.port)

  const redisPort = await freePort()
  let redis: Program | undefined
  const startRedis = async (): Promise<void> => {
    redis = run(redisServer, ['--port', String(redisPort), '--save', '', '--dir', folder])
    await until('Redis accepts connections', () => redis?.output().includes('Ready to accept connections') ?? false)
  }
  await startRedis()
  const redisOfSecond = await startProxy(redisPort)

  const env = {
    DATABASE_URL: `postgres://postgres@127.0.0.1:${database.port}/postgres`,
    SECRET_KEY: generateKey(),
    ENCRYPTION_KEY: generateKey(),
    HOST: '127.0.0.1',
    TRUST_PROXY: '127.0.0.1',
    BCRYPT_ROUNDS: '4',
    ACCESS_TOKEN_EXPIRE_MINUTES: '600',
    REGISTER_RATE_LIMIT: '0',
    LOGIN_RATE_LIMIT: '0',
    MESSAGE_RATE_LIMIT: '0',
    READ_RATE_LIMIT: '0',
    LOG_LEVEL: 'warn'
  }
  const createService = async (redisAt: number): Promise<Service> => {
    const [port, metricsPort] = [await freePort(), await freePort()]
    let program: Program | undefined
    const service: Service = {
      port,
      metricsPort,
      env: {
        ...env,
        PORT: String(port),
        METRICS_PORT: String(metricsPort),
        REDIS_URL: `redis://127.0.0.1:${redisAt}`
      },
      preload: {},
      async start() {
        program = run(process.execPath, [PROGRAM, 'serve'], { ...service.env, ...service.preload })
        await until(`the process on port ${port} is ready`, () => {
          if (program?.child.exitCode != null) throw new Error(`The process ended: ${program.output()}`)
          return isOk(`http://127.0.0.1:${port}/health/ready`)
        })
      },
      stop: async signal => program?.stop(signal),
      signal: signal => void program?.child.kill(signal)
    }
    return service
  }
  const services = [await createService(redisPort), await createService(redisOfSecond.port)] as const
  for (const service of services) await service.start()

  const front = await startNginx(
    nginx,
    folder,
    services.map(({ port }) => port)
  )
  return {
    url: `http://127.0.0.1:${front.port}`,
    services,
    primary,
    standby,
    database,
    redis: {
      start: startRedis,
      stop: async signal => redis?.stop(signal),
      signal: signal => void redis?.child.kill(signal)
    },
    redisOfSecond,
    command: (...args) => runToEnd(process.execPath, [PROGRAM, ...args], services[0].env),
    script: (name, args, given) => {
      const { ENCRYPTION_KEY = '', SECRET_KEY = '' } = services[0].env
      return runToEnd('/bin/sh', [join(root, 'deploy', name), ...args], {
        ENCRYPTION_KEY,
        SECRET_KEY,
        DATABASE_HOST: '127.0.0.1',
        DATABASE_PORT: String(primary.port),
        DATABASE_USER: 'postgres',
        // The server trusts local connections, so it does not check the password.
        DATABASE_PASSWORD: 'unused',
        FASTIFY_CHAT: `${process.execPath} ${PROGRAM}`,
        ...given
      })
    },
    statuses: front.statuses,
    async stop() {
      for (const proxy of [database, redisOfSecond]) proxy.close()
      standby.stop()
      primary.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** Runs nginx with the shipped configuration, without TLS, in front of the given ports. */
const startNginx = async (nginx: string, folder: string, ports: readonly number[]) => {
  const port = await freePort()
  const { args, requests } = writePlainNginx(folder, port, ports)
  const program = run(nginx, args)
  await until('nginx responds', () => isOk(`http://127.0.0.1:${port}/health/live`)).catch(error => {
    throw new Error(`${error.message} ${program.output()}`)
  })
  let read = 0
  return {
    port,
    statuses() {
      const all = requests()
      const counts = new Map<string, number>()
      for (const { status } of all.slice(read)) counts.set(String(status), (counts.get(String(status)) ?? 0) + 1)
      read = all.length
      return counts
    }
  }
}
