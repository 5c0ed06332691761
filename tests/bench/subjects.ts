/** Starts the measured processes, and reads their CPU time, memory and writes from /proc. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RawClient } from './raw-client.ts'
import { pause } from './rows.ts'

const root = join(import.meta.dirname, '../..')
const TICKS_PER_SECOND = 100

/** A process that is measured from outside. */
export interface Measured {
  readonly pid: number
  /** Returns the CPU time of the process so far (user and system), in seconds. */
  cpu(): number
  /** Returns the number of write system calls so far. */
  writes(): number
  /** Returns the number of open files and sockets. */
  openFiles(): number
  /** Returns the resident memory after a garbage collection, in bytes. */
  memory(): Promise<number>
  /** Returns the maximum resident memory since the last call, in bytes. */
  peakMemory(): number
  /** Kills the process with SIGKILL. Resolves when the process has exited. */
  kill(): Promise<void>
}

/** A measured process that delivers messages. */
export interface Subject extends Measured {
  readonly name: string
  readonly port: number
  readonly isSocketIo: boolean
  /** Returns the path and query of the URL to which another client connects. */
  path(): string
  /** Connects another client. The client receives all messages that are sent from then on. */
  connect(): Promise<RawClient>
  /** Returns the frame that a client sends to broadcast a text. */
  message(text: string): string
}

/**
 * Binds a process to cores, if `taskset` is available. The subjects share the first core, and the load generator runs on the
 * second core.
 */
export const pinTo = (cores: number | string, pid: number): void => {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', String(cores), String(pid)], { stdio: 'ignore' })
  } catch {
    process.stderr.write(
      '*** taskset was not found: the load and the subjects share cores, so the ratios are less accurate. ***\n'
    )
  }
}

const read = (pid: number, file: string): string => readFileSync(`/proc/${pid}/${file}`, 'latin1')

const field = (text: string, name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1])

const cpuSeconds = (pid: number): number => {
  const fields = read(pid, 'stat').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Returns the CPU time of all threads of a process so far, in nanoseconds. A process that has exited counts as 0. */
export const nanosecondsOf = (pid: number): number => {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce(
      (sum, thread) => sum + Number(read(pid, `task/${thread}/schedstat`).split(' ')[0]),
      0
    )
  } catch {
    return 0
  }
}

/** Returns the CPU time in seconds of this process, which generates the load. */
export const loadCpu = (): number => cpuSeconds(process.pid)

const running = new Set<ChildProcess>()

/** Kills all subjects. Called when a benchmark has failed, and when this process exits. */
export const killSubjects = (): void => {
  for (const child of running) child.kill('SIGKILL')
}
process.once('exit', killSubjects)

/** Starts Node.js with the given arguments on the first core. */
export const start = (args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess => {
  const child = spawn(process.execPath, ['--expose-gc', '--import', './tests/bench/collect.js', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  pinTo(0, child.pid ?? 0)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

export const measuredOf = (child: ChildProcess): Measured => {
  const pid = child.pid ?? 0
  return {
    pid,
    cpu: () => cpuSeconds(pid),
    writes: () => field(read(pid, 'io'), 'syscw'),
    openFiles: () => readdirSync(`/proc/${pid}/fd`).length,
    async memory() {
      for (let times = 0; times < 3; times++) {
        child.kill('SIGUSR2')
        await pause(700)
      }
      return field(read(pid, 'status'), 'VmRSS') * 1024
    },
    peakMemory() {
      const peak = field(read(pid, 'status'), 'VmHWM') * 1024
      writeFileSync(`/proc/${pid}/clear_refs`, '5')
      return peak
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
  }
}
