/**
 * Runs a container without a Docker engine, with the restrictions of `docker run --read-only --cap-drop ALL --security-opt
 * no-new-privileges`. The image's files are mounted read-only. The command runs as process 1 of a PID namespace, as the image's
 * user and without capabilities. The container uses the machine's network.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { onTestFinished } from 'vitest'

/** The configuration of an image, in Docker's format. */
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
  /** The folder with the image's files. */
  readonly root: string
  readonly config: ImageConfig
  readonly env?: Readonly<Record<string, string>>
}

export interface Container {
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>
  /** Sends a signal to process 1. */
  signal(signal: NodeJS.Signals): void
  /** Returns a field of the kernel's status of process 1, such as `CapEff`. */
  status(field: string): string
  /** Returns the command line of process 1. */
  commandLine(): string[]
  /** Returns the mount options of the root folder of process 1. */
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

/**
 * Runs a command in a container of the image. The default is the image's own command. Kills the container when the test ends.
 */
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
    // Kills process 1, because `--kill-child` has no effect after process 1 has changed its user.
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
  const output = { out: '', err: '' }
  child.stdout?.on('data', data => {
    output.out += data
  })
  child.stderr?.on('data', data => {
    output.err += data
  })
  const [code] = await once(child, 'close')
  return { code, ...output }
}

/** Returns the id that the container's process 1 has on the machine. Process 1 is the only child of `unshare`. */
const firstProcess = ({ pid }: ChildProcess): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
