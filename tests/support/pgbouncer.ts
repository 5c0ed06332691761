/** Runs Debian's PgBouncer in front of a PostgreSQL server, with its default configuration and the given settings. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseDatabaseUrl } from '../../src/lib/database-url.ts'
import { owner } from '../chaos/cluster.ts'
import { acceptsConnections } from './accepts-connections.ts'
import { freePort } from './free-port.ts'
import { requireProgram } from './programs.ts'

export interface PgbouncerOptions {
  readonly mode?: 'session' | 'transaction'
  /** Additional lines of the section `[pgbouncer]`, such as `ignore_startup_parameters = statement_timeout`. */
  readonly settings?: readonly string[]
}

export interface Pgbouncer {
  /** The URL of the PostgreSQL server through PgBouncer. */
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

/** Starts PgBouncer in front of the PostgreSQL server with the URL `server`. Resolves when PgBouncer accepts connections. */
export const startPgbouncer = async (server: string, options: PgbouncerOptions = {}): Promise<Pgbouncer> => {
  const { mode = 'session', settings = [] } = options
  const { hosts, user = 'postgres', password = '' } = parseDatabaseUrl(server)
  const folder = mkdtempSync(join(tmpdir(), 'chat-pgbouncer-'))
  const port = await freePort()
  const file = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`, { mode: 0o644 })
    return join(folder, name)
  }
  const users = file('userlist.txt', [`"${user}" "${password || 'secret'}"`])
  const config = file('pgbouncer.ini', [
    '[databases]',
    `* = host=${hosts[0]?.host} port=${hosts[0]?.port}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    `unix_socket_dir =`,
    'auth_type = md5',
    `auth_file = ${users}`,
    `pool_mode = ${mode}`,
    ...settings
  ])
  const as = owner()
  chmodSync(folder, 0o755)
  if (as) chownSync(folder, as.uid, as.gid)
  const child = spawn(requireProgram('pgbouncer'), ['-q', config], { ...as, stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.on('data', data => {
    output += data
  })
  const ended = once(child, 'exit')
  while (!(await acceptsConnections(port))) {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended before it accepted connections: ${output}`)
    await delay(20)
  }
  const { pathname, search } = new URL(server)
  return {
    port,
    url: `postgres://${user}:${password || 'secret'}@127.0.0.1:${port}${pathname}${search}`,
    async stop() {
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
