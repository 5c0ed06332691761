/** Calculates how many WebSockets a process can hold, from its memory and its limit of open files. */
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

export interface Capacity {
  /** Bytes of memory that the process may use. */
  readonly memory: number
  /** Number of files and sockets that the process may open. */
  readonly openFiles: number
}

/** Memory in bytes of a process without connections. */
const BASE_BYTES = 256 * 2 ** 20
/**
 * Memory in bytes per connection. An idle connection takes about 12 KiB (docs/performance.md). The rest is for subscriptions,
 * queued frames and garbage.
 */
const BYTES_PER_CONNECTION = 64 * 1024
/** Number of open files that are not WebSockets: connections to the database, HTTP requests, the log, files of the web client. */
export const OTHER_FILES = 200
const MIN_CONNECTIONS = 100

/** Returns min((memory - 256 MiB) / 64 KiB, open files - 200), but at least 100. */
export const defaultMaxConnections = ({ memory, openFiles }: Capacity = capacity()): number =>
  Math.max(MIN_CONNECTIONS, Math.floor(Math.min((memory - BASE_BYTES) / BYTES_PER_CONNECTION, openFiles - OTHER_FILES)))

/**
 * Returns the memory and the number of open files that this process may use. The memory is the smallest of three values: the
 * memory of the machine, the memory limit of the container, and the limit of Node's heap.
 */
export const capacity = (): Capacity => {
  const inContainer = process.constrainedMemory() ?? 0
  const { heap_size_limit: heap } = getHeapStatistics()
  // Without a limit, `constrainedMemory` returns 0 or a number that is larger than any memory.
  const memory = Math.min(totalmem(), inContainer > 0 ? inContainer : Number.POSITIVE_INFINITY, heap)
  return { memory, openFiles: openFilesLimit() }
}

/** Returns the limit of open files, or Infinity if it is unlimited or unknown. */
const openFilesLimit = (): number => {
  try {
    const [, soft] = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return Number(soft) || Number.POSITIVE_INFINITY
  } catch {
    // The file exists only on Linux.
    return Number.POSITIVE_INFINITY
  }
}
