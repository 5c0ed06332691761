/**
 * Runs `fastify-chat status`: shows the running processes. Each process reports its state in the table `processes` every 10 s.
 */
import type { BusState, ReportedProcess } from '../db/repositories/processes.ts'
import { numbered } from './key-status.ts'
import { print } from './print.ts'
import { withDatabase } from './with-database.ts'

/** Prints the running processes, and warnings about those that need attention. */
export const showStatus = (): Promise<void> =>
  withDatabase(async ({ database }) => print(...statusOf(await database.processes.report())))

const HEADINGS = ['PROCESS', 'VERSION', 'UP', 'KEY', 'CONNECTIONS', 'BUS', 'SEEN']

/** Returns the lines that `showStatus` prints. */
export const statusOf = (processes: readonly ReportedProcess[]): string[] => {
  if (processes.length === 0) return ['No process is running: none has reported itself within the last minute.']
  const connections = processes.reduce((sum, { state }) => sum + (state?.connections ?? 0), 0)
  return [
    ...aligned([HEADINGS, ...processes.map(cellsOf)]),
    '',
    `${numbered(processes.length, 'process', 'processes')}, ${numbered(connections, 'connection')}.`,
    ...versionWarning(processes),
    ...keyWarnings(processes),
    ...busWarnings(processes)
  ]
}

/**
 * Returns `hostname:pid`, with the values that the log of the process contains. A process of an older release does not report
 * these values, so its id in the table `processes` is returned.
 */
const nameOf = ({ id, state }: ReportedProcess): string => (state ? `${state.host}:${state.pid}` : id)

const cellsOf = (process: ReportedProcess): string[] => {
  const { version, keyId, seenMs, state } = process
  return [
    nameOf(process),
    version,
    state ? durationOf(state.uptimeMs) : '-',
    keyId ?? '-',
    state ? String(state.connections) : '-',
    state?.bus.map(busCell).join(', ') || '-',
    `${durationOf(seenMs)} ago`
  ]
}

const busCell = ({ driver, lagMs, isFailing }: BusState): string => {
  if (isFailing) return `${driver} failing`
  return lagMs === undefined ? driver : `${driver} ${lagMs} ms`
}

const versionWarning = (processes: readonly ReportedProcess[]): string[] => {
  const versions = [...new Set(processes.map(({ version }) => version))]
  if (versions.length === 1) return []
  return [
    `Several versions are running: ${versions.join(', ')}. When the older processes are replaced, run "fastify-chat migrate finish".`
  ]
}

/**
 * Returns one warning for each encryption key that some processes lack. These processes cannot decrypt what other processes
 * encrypt with the key.
 */
const keyWarnings = (processes: readonly ReportedProcess[]): string[] =>
  [...new Set(processes.flatMap(({ keyId }) => keyId ?? []))].flatMap(key => {
    const unable = processes.filter(({ keyIds }) => !keyIds.includes(key))
    if (unable.length === 0) return []
    return `Key ${key} is missing in ${namesOf(unable)}, which cannot read what other processes encrypt with it. Add the key to ENCRYPTION_KEY_PREVIOUS there.`
  })

const busWarnings = (processes: readonly ReportedProcess[]): string[] => {
  const failing = (driver: string) =>
    processes.filter(({ state }) => state?.bus.some(bus => bus.driver === driver && bus.isFailing))
  const [postgres, redis] = [failing('postgres'), failing('redis')]
  return [
    ...(postgres.length > 0
      ? [
          `PostgreSQL delivers no notifications to ${namesOf(postgres)}, which poll instead. Run "fastify-chat check" with their settings.`
        ]
      : []),
    ...(redis.length > 0
      ? [
          `Redis fails for ${namesOf(redis)}, which use PostgreSQL instead. Run "fastify-chat check" with their settings.`
        ]
      : [])
  ]
}

const namesOf = (processes: readonly ReportedProcess[]): string => processes.map(nameOf).join(', ')

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1]
] as const

/** Returns a duration in its largest unit, rounded down, for example "3 h". */
const durationOf = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ['s', 1]
  return `${Math.floor(seconds / size)} ${unit}`
}

/** Pads each cell to the width of its column. */
const aligned = (rows: readonly (readonly string[])[]): string[] => {
  const widths = HEADINGS.map((_, at) => Math.max(...rows.map(row => row[at]?.length ?? 0)))
  return rows.map(row =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  )
}
