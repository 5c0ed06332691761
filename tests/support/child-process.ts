/** Ends the processes of a test when the test ends. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

const hasEnded = ({ pid, exitCode, signalCode }: ChildProcess): boolean =>
  pid === undefined || exitCode !== null || signalCode !== null

/** Kills a process when the test ends, and waits until it has exited. */
export const endWithTest = (child: ChildProcess): void =>
  onTestFinished(async () => {
    if (hasEnded(child)) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  })

/**
 * Kills a process and its descendants when the test ends. `npx` starts a chain of processes, and a signal reaches only the
 * first of them. The process must be spawned with `detached`, so that it leads a process group.
 */
export const endGroupWithTest = (child: ChildProcess): void =>
  onTestFinished(async () => {
    if (child.pid === undefined) return
    const exited = hasEnded(child) ? undefined : once(child, 'exit')
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch (error) {
      // ESRCH means that every process of the group has already ended.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    await exited
  })
