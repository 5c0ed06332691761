/** Starts and stops the programs of the drill. All of them end with the drill. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

export interface Program {
  readonly child: ChildProcess
  /** Returns the last 20,000 characters of the output. */
  readonly output: () => string
  /** Sends a signal and resolves when the program has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

const running = new Set<Program>()

/** Returns the path of a program, or undefined if it is not installed. */
export const find = (name: string): string | undefined =>
  ['/usr/bin', '/usr/sbin', '/usr/local/bin'].map(folder => `${folder}/${name}`).find(existsSync)

export const run = (path: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Program => {
  const child = spawn(path, args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', data => {
      output = `${output}${data}`.slice(-20_000)
    })
  // Waits for `exit` and not for `close`, because a program may have children that keep its output open.
  const ended = once(child, 'exit')
  const program: Program = {
    child,
    output: () => output,
    async stop(signal = 'SIGTERM') {
      running.delete(program)
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGCONT')
        child.kill(signal)
      }
      await ended
    }
  }
  running.add(program)
  return program
}

/** Stops every program that is still running. */
export const stopAll = async (): Promise<void> => {
  // Does not use SIGKILL, because SIGKILL would leave the workers of nginx running.
  await Promise.all([...running].map(program => program.stop()))
}

/** Resolves when a condition holds. Rejects after 90 seconds. */
export const until = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
  const deadline = performance.now() + 90_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`This did not happen within 90 s: ${what}.`)
    await delay(100)
  }
}

/** Runs a command to its end. Rejects with its output if it fails. */
export const runToEnd = async (
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {}
): Promise<string> => {
  const program = run(path, args, env)
  await once(program.child, 'close')
  running.delete(program)
  if (program.child.exitCode === 0) return program.output()
  throw new Error(`${path} ${args.join(' ')} failed: ${program.output()}`)
}

/** Returns whether a URL responds with a 2xx status within three seconds. */
export const isOk = async (url: string): Promise<boolean> =>
  (await fetch(url, { signal: AbortSignal.timeout(3000) }).catch(() => undefined))?.ok ?? false
