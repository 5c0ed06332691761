/** Runs the built service in `dist` as a process, and records its output. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { lockFolder } from '../../src/db/client/folder-lock.ts'
import { freePort } from './free-port.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from './settings.ts'

const root = join(import.meta.dirname, '../..')
const program = join(root, 'dist/src/cli.js')

const changedAt = (path: string): number => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0

const isStale = (): boolean => {
  const built = changedAt('dist/src/cli.js')
  const sources = ['src', 'client/src', 'plugins', 'routes'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(name => join(folder, name))
  )
  return [...sources, 'package.json', 'tools/build.js'].some(path => changedAt(path) > built)
}

/** Builds `dist` unless it is newer than the sources. A lock prevents concurrent builds. */
const build = async (): Promise<void> => {
  const lock = await lockFolder(join(root, 'node_modules/.build-lock'), 120_000)
  try {
    if (isStale()) execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'pipe' })
  } finally {
    await lock.release()
  }
}

/** Builds `dist` if it is older than the sources. Returns the path of the built program. */
export const builtProgram = async (): Promise<string> => {
  await build()
  return program
}

export interface BuiltService {
  readonly url: string
  readonly child: ChildProcess
  /** Returns the standard output and standard error so far. */
  readonly output: () => string
  /** Resolves with the exit code when the process has ended. */
  readonly ended: Promise<number | null>
}

const run = (args: readonly string[], env: Record<string, string>) => {
  const cwd = mkdtempSync(join(tmpdir(), 'chat-built-'))
  const keys = {
    SECRET_KEY,
    ENCRYPTION_KEY,
    BCRYPT_ROUNDS: '4',
    REGISTER_RATE_LIMIT: '0',
    LOGIN_RATE_LIMIT: '0',
    CONNECT_RATE: '0',
    MAX_LOOP_DELAY_MS: '0'
  }
  const child = spawn(process.execPath, args, { cwd, env: { PATH: process.env.PATH, ...keys, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (output += data))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(cwd, { recursive: true, force: true })
  })
  return { child, ended, output: () => output }
}

/** Runs a command of the built program. Resolves with the exit code and the output when the program has ended. */
export const runBuilt = async (args: string[], env: Record<string, string>) => {
  await build()
  const { ended, output } = run([program, ...args], env)
  return { code: await ended, output: output() }
}

/** Starts the built service. Resolves when the service listens. Rejects if the service exits before it listens. */
export const startBuilt = async (env: Record<string, string>): Promise<BuiltService> => {
  await build()
  return serve([program], env)
}

/** Starts the service of an earlier commit from its sources in `folder`. Links the packages of this commit into the folder. */
export const startFormer = (folder: string, env: Record<string, string>): Promise<BuiltService> => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return serve(['--import', import.meta.resolve('tsx'), join(folder, 'src/cli.ts')], env)
}

const serve = async (program: readonly string[], env: Record<string, string>): Promise<BuiltService> => {
  const port = await freePort()
  const service = run([...program, 'serve'], { HOST: '127.0.0.1', PORT: String(port), ...env })
  await new Promise<void>((resolve, reject) => {
    service.child.stdout.on('data', () => service.output().includes('Server listening') && resolve())
    service.ended.then(() => reject(new Error(`The service ended before it listened: ${service.output()}`)))
  })
  return { ...service, url: `http://127.0.0.1:${port}` }
}
