/**
 * Runs the load generator in C: compiles load.c in a temporary folder, starts the program and reads the JSON that it prints.
 * All sockets of the generator belong to one user, because the service then sends no changes of presence. Such frames would
 * count as deliveries.
 */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Generator, TEXT } from './load.ts'
import { pause } from './rows.ts'
import type { Subject } from './subjects.ts'

interface Report {
  readonly sat: {
    readonly deliv_s: number
    readonly cpu_per_M: number
    readonly per_write: number
    readonly lg_cpu: number
    readonly stall: number
  }
  readonly rate: { readonly p50_us: number; readonly p99_us: number; readonly lost: number }
}

const CONNECT_TIMEOUT_MS = 120_000

/**
 * Compiles load.c. Returns the path of the program, or `undefined` if there is no C compiler or the compilation fails. The
 * program is deleted when this process exits.
 */
const compile = (): string | undefined => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-load-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'load')
  const { status } = spawnSync('cc', ['-O2', '-o', program, join(import.meta.dirname, 'load.c')], { stdio: 'ignore' })
  return status === 0 ? program : undefined
}

const argumentsFor = (subject: Subject, options: Readonly<Record<string, number>>): string[] => [
  ...['-p', String(subject.port), '-pid', String(subject.pid), '-path', subject.path()],
  ...['-c', String(TEXT.length), '-sio', subject.isSocketIo ? '1' : '0'],
  ...Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)])
]

/**
 * Runs the generator, and returns its report. The generator inherits the CPU affinity of this process, so it runs on the second
 * core.
 */
const run = async (program: string, subject: Subject, options: Readonly<Record<string, number>>): Promise<Report> => {
  const { stdout } = await promisify(execFile)(program, argumentsFor(subject, options))
  return JSON.parse(stdout) as Report
}

/** Connects idle sockets, and waits until the subject has accepted all of them. Returns a function that closes them. */
const hold = async (program: string, subject: Subject, sockets: number): Promise<() => void> => {
  const before = subject.openFiles()
  const child = spawn(program, argumentsFor(subject, { n: sockets, idle: 3600 }), {
    stdio: ['ignore', 'ignore', 'inherit']
  })
  process.once('exit', () => child.kill())
  const began = performance.now()
  while (subject.openFiles() < before + sockets) {
    if (child.exitCode !== null || performance.now() - began > CONNECT_TIMEOUT_MS)
      throw new Error(`The load generator could not connect ${sockets} sockets.`)
    await pause(100)
  }
  return () => child.kill()
}

export const createCGenerator = (): Generator | undefined => {
  const program = compile()
  if (program === undefined) return undefined
  return {
    name: 'C',
    people: 1,
    connect: async (subject, sockets) => ({
      async saturate(inFlight, seconds) {
        const { sat } = await run(program, subject, { n: sockets, w: inFlight, d: seconds })
        if (sat.stall) throw new Error(`${subject.name} stopped delivering messages.`)
        return { perCpuSecond: 1e6 / sat.cpu_per_M, perSecond: sat.deliv_s, perWrite: sat.per_write, load: sat.lg_cpu }
      },
      async latency(perSecond, seconds) {
        const { rate } = await run(program, subject, { n: sockets, d: 0, r: perSecond, rd: seconds })
        if (rate.lost > 0) throw new Error(`${subject.name} did not deliver ${rate.lost} messages.`)
        return { p50: rate.p50_us / 1000, p99: rate.p99_us / 1000 }
      },
      close() {}
    }),
    hold: (subject, sockets) => hold(program, subject, sockets)
  }
}
