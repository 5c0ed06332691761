/**
 * Locks a folder for one process. The process that holds the lock listens on a Unix socket in the folder. Other processes can
 * connect to the socket only while that process is running, so a lock ends with its process. A file with a process id could not
 * show whether the process is running, because in a container the id is usually 1.
 *
 * Each process first listens on a socket with a unique name, and then checks for other sockets. If two processes try to acquire
 * the lock, at least the later check finds another socket. So two processes never hold the lock at the same time. If both
 * checks find another socket, both processes close their sockets and retry after a random delay. Names are never reused, so the
 * socket of a process that has ended can be removed safely.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../lib/clock.ts'

/** A lock, which is held until `release` is called or the process ends. */
export interface FolderLock {
  release(): Promise<void>
}

/** Timeout in milliseconds for acquiring the lock. A process that is shutting down may hold the lock for some seconds. */
const WAIT_MS = 6000
/**
 * Minimum age in milliseconds at which a socket that refuses connections is removed. A newer socket may belong to a process
 * that is about to listen.
 */
const DEAD_AFTER_MS = 2000
/** Maximum length of the path of a Unix socket. The limit of `sun_path` differs by operating system and is 104 or more. */
const LONGEST_PATH = 100

/** Acquires the lock. Rejects, with advice for the operator, if another process still holds it after `waitMs`. */
export const lockFolder = async (folder: string, waitMs = WAIT_MS): Promise<FolderLock> => {
  const sockets = socketFolder(folder)
  const deadline = systemClock.monotonic() + waitMs
  for (;;) {
    const mine = await publish(sockets)
    if (!(await hasOther(sockets, mine.name))) return mine
    await mine.release()
    if (systemClock.monotonic() > deadline) throw new Error(inUse(folder))
    await delay(50 + Math.random() * 250)
  }
}

const inUse = (folder: string): string =>
  `The embedded database in ${folder} is open in another process, and two processes would corrupt it. Stop the other process, ` +
  'use another folder (DATABASE_URL=pglite:OTHER_FOLDER), or use PostgreSQL for several processes.'

/**
 * Creates the folder for the sockets, and returns its path. The folder is inside the locked folder, or in the system's
 * temporary folder if the path of a socket would be too long.
 */
const socketFolder = (folder: string): string => {
  const inside = join(folder, 'lock')
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  const path = inside.length < LONGEST_PATH - 16 ? inside : join(tmpdir(), `fastify-chat-${name}`)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  return path
}

const publish = async (sockets: string): Promise<FolderLock & { readonly name: string }> => {
  const name = `${randomBytes(6).toString('hex')}.s`
  const server = createServer(peer => peer.destroy())
  await listen(server, join(sockets, name))
  server.unref()
  return {
    name,
    // Closing a server removes the file of its socket.
    release: () => new Promise(resolve => server.close(() => resolve()))
  }
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })

const hasOther = async (sockets: string, mine: string): Promise<boolean> => {
  for (const name of readdirSync(sockets)) {
    if (name === mine || !name.endsWith('.s')) continue
    const path = join(sockets, name)
    if (await isLive(path)) return true
    if (isOld(path)) rmSync(path, { force: true })
  }
  return false
}

const isLive = (path: string): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(path)
    const settle = (live: boolean) => {
      socket.destroy()
      resolve(live)
    }
    socket.once('connect', () => settle(true))
    // These two codes show that no process listens on the socket. After any other error (a full backlog, missing permissions,
    // no descriptors), the other process may still be running.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    )
  })

/**
 * Returns whether a socket is old enough to be removed. A modification time that is more than `DEAD_AFTER_MS` in the future
 * also counts as old, because the clock may have been set back.
 */
const isOld = (path: string): boolean => {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && Math.abs(systemClock.now() - stats.mtimeMs) > DEAD_AFTER_MS
}
