/**
 * A container without an engine, as strict as `docker run --read-only --cap-drop ALL --security-opt no-new-privileges`: the
 * image's files mounted read-only, its command as process 1 of its own process tree, its user, no capability. The
 * network is the machine's.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { onTestFinished } from 'vitest'

/** What an image says about itself, as Docker writes it. */
export interface ImageConfig {
  readonly User: string
  readonly Env?: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly WorkingDir: string
  readonly Labels: Readonly<Record<string, string>>
  readonly StopSignal: string
  readonly Healthcheck: { readonly Test: readonly string[] }
}

export interface ContainerOptions {
  /** The image's files. */
  readonly root: string
  readonly config: ImageConfig
  readonly env?: Readonly<Record<string, string>>
}

export interface Container {
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>
  /** To process 1. */
  signal(signal: NodeJS.Signals): void
  /** What the kernel says about process 1, e.g. `CapEff`. */
  status(field: string): string
  /** What process 1 was called as. */
  commandLine(): string[]
  /** How its root is mounted. */
  rootOptions(): string[]
}

const SETUP = `
root=$1 user=$2 folder=$3; shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot "$root" env -C "$folder" setpriv --reuid="\${user%:*}" --regid="\${user#*:}" --clear-groups \\
  --inh-caps=-all --ambient-caps=-all --bounding-set=-all --no-new-privs "$@"
`

/** Runs a command of the image, by default its own. Killed when the test ends. */
export const runContainer = (
  { root, config, env = {} }: ContainerOptions,
  command: readonly string[] = [...config.Entrypoint, ...config.Cmd]
): Container => {
  const entries = (config.Env ?? []).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  const isolate = ['--mount', '--pid', '--fork', '--kill-child', '--', '/bin/bash', '-ec', SETUP, 'container']
  const child = spawn('/usr/bin/unshare', [...isolate, root, config.User, config.WorkingDir, ...command], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...Object.fromEntries(entries), ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const inside = () => firstProcess(child)
  onTestFinished(() => {
    // `--kill-child` is forgotten when the user changes: process 1 would live on.
    if (child.exitCode === null && child.signalCode === null && inside() > 0) process.kill(inside(), 'SIGKILL')
    child.kill('SIGKILL')
  })
  return {
    ended: outcomeOf(child),
    signal: signal => process.kill(inside(), signal),
    status: field =>
      new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${inside()}/status`, 'utf8'))?.[1] ?? '',
    commandLine: () => readFileSync(`/proc/${inside()}/cmdline`, 'utf8').split('\0').filter(Boolean),
    rootOptions() {
      const mounts = readFileSync(`/proc/${inside()}/mountinfo`, 'utf8').split('\n')
      const [, , , , , options = ''] = mounts.map(line => line.split(' ')).find(([, , , , at]) => at === '/') ?? []
      return options.split(',')
    }
  }
}

const outcomeOf = async (child: ChildProcess): Container['ended'] => {
  const said = { out: '', err: '' }
  child.stdout?.on('data', data => {
    said.out += data
  })
  child.stderr?.on('data', data => {
    said.err += data
  })
  const [code] = await once(child, 'close')
  return { code, ...said }
}

/** The machine's number of process 1: the only child of `unshare`. */
const firstProcess = ({ pid }: ChildProcess): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
