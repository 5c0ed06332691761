/** Runs a separate PostgreSQL cluster with Debian's binaries. `restart` simulates a crash of the server. */
import { execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'

export interface Cluster {
  readonly port: number
  /** Stops every backend immediately, without a checkpoint, and starts the server again. Committed data must survive. */
  restart(): void
  stop(): void
  /** Starts a standby of this cluster with streaming replication. The standby is read-only until it is promoted. */
  standby(): Promise<Standby>
}

export interface Standby extends Cluster {
  promote(): void
}

export interface ClusterOptions {
  /** An existing folder for the data. `stop` does not remove it. The default is a temporary folder, which `stop` removes. */
  readonly folder?: string
  /** Additional server settings, as `name=value`. */
  readonly settings?: readonly string[]
}

const LIBRARY = '/usr/lib/postgresql'

/** Returns the folder of the newest installed PostgreSQL binaries, or `undefined` if none are installed. */
export const findBinaries = (): string | undefined => {
  try {
    const [newest] = readdirSync(LIBRARY).sort((a, b) => Number(b) - Number(a))
    return newest && join(LIBRARY, newest, 'bin')
  } catch {
    return undefined
  }
}

/**
 * Returns the ids of the user `postgres` if this process runs as root, because PostgreSQL refuses to run as root. Otherwise
 * returns `undefined`.
 */
export const owner = (): { uid: number; gid: number } | undefined => {
  if (userInfo().uid !== 0) return undefined
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

export const startCluster = async (binaries: string, options: ClusterOptions = {}): Promise<Cluster> =>
  start(binaries, options, (run, data) => run('initdb', '-D', data, '-U', 'postgres', '--auth=trust', '--no-sync'))

type Run = (program: string, ...args: string[]) => void

const start = async (
  binaries: string,
  options: ClusterOptions,
  fill: (run: Run, data: string) => void
): Promise<Standby> => {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'chat-chaos-'))
  const as = owner()
  if (as) chownSync(folder, as.uid, as.gid)
  const port = await freePort()
  const run: Run = (program, ...args) =>
    execFileSync(join(binaries, program), args, { ...as, cwd: folder, stdio: 'ignore' })
  const data = join(folder, 'data')
  fill(run, data)
  const more = (options.settings ?? []).map(setting => `-c ${setting}`).join(' ')
  const settings = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c max_connections=60 ${more}`
  const log = join(folder, 'log')
  const control = (...args: string[]) => run('pg_ctl', '-D', data, '-l', log, '-w', '-o', settings, ...args)
  control('start')
  return {
    port,
    restart: () => control('restart', '-m', 'immediate'),
    stop() {
      control('stop', '-m', 'immediate')
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
    promote: () => run('pg_ctl', '-D', data, '-w', 'promote'),
    standby: () =>
      start(binaries, {}, (runThere, itsData) =>
        runThere(
          'pg_basebackup',
          '-D',
          itsData,
          '-h',
          '127.0.0.1',
          '-p',
          `${port}`,
          '-U',
          'postgres',
          '-R',
          '-c',
          'fast'
        )
      )
  }
}
