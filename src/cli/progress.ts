/** Shows the progress of a long command: as a bar on a terminal, and as lines elsewhere. */
import { systemClock } from '../lib/clock.ts'
import { safeLine } from '../tui/safe-text.ts'
import { print } from './print.ts'

export interface Progress {
  /** Adds to the number of rows that are done. */
  add(rows: number): void
  /** Prints lines, above the bar if there is one. */
  print(...lines: string[]): void
  /** Removes the bar. */
  stop(): void
}

/** Minimum time in milliseconds between two lines. */
const LINE_MS = 5000

/** Starts to show the progress of `total` rows. `label` names the activity, for example "encrypting". */
export const createProgress = async (label: string, total: number): Promise<Progress> =>
  (process.stdout.isTTY ? await createBar(label, total) : undefined) ?? createLines(label, total)

/** Runs a step of a command, and shows its progress. The step reports the rows that are done. */
export const withProgress = async <T>(
  label: string,
  total: number,
  step: (onRows: (rows: number) => void) => Promise<T>
): Promise<T> => {
  const progress = await createProgress(label, total)
  try {
    return await step(progress.add)
  } finally {
    progress.stop()
  }
}

let hasHinted = false

/** Creates a bar. Returns undefined if cli-progress, an optional peer dependency, is not installed. */
const createBar = async (label: string, total: number): Promise<Progress | undefined> => {
  const library = await import('cli-progress').catch(() => undefined)
  if (!library) {
    if (!hasHinted) print('For a progress bar, run `npm install cli-progress`.')
    hasHinted = true
    return undefined
  }
  const bars = new library.MultiBar({
    format: `${label} [{bar}] {percentage} % | {value} of {total} rows | {eta_formatted} left`,
    stream: process.stdout,
    hideCursor: true
  })
  const bar = bars.create(Math.max(total, 1), 0)
  let done = 0
  return {
    add(rows) {
      done += rows
      // The total grows if rows are inserted while the command runs.
      if (done > bar.getTotal()) bar.setTotal(done)
      bar.update(done)
    },
    print: (...lines) => bars.log(`${lines.map(safeLine).join('\n')}\n`),
    stop: () => bars.stop()
  }
}

const createLines = (label: string, total: number): Progress => {
  const startedAt = systemClock.monotonic()
  let printedAt = Number.NEGATIVE_INFINITY
  let done = 0
  return {
    add(rows) {
      done += rows
      const now = systemClock.monotonic()
      if (now - printedAt < LINE_MS) return
      printedAt = now
      const all = Math.max(total, done)
      const left = Math.ceil((((now - startedAt) / done) * (all - done)) / 1000)
      print(`${label}: ${done} of ${all} rows, ${Math.floor((100 * done) / all)} %, about ${left} s left`)
    },
    print,
    stop() {}
  }
}
