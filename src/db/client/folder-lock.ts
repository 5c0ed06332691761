/**
 * Locks a folder in a way that detects whether the owner is alive: the owner listens on a socket in it, to which one can connect
 * only while the process runs. A process id in a file does not show that: in a container it is always 1.
 *
 * Each process first listens on a socket with a unique name, and then looks for other sockets. Of two processes, the later one
 * to look sees the earlier, so there are never two owners. If both see each other, both release their lock and retry after a
 * random delay. No process reuses the name of another, so the socket of a dead process can be removed safely.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../lib/clock.ts'

/** Is held until it is released, or the process ends in any way. */
export interface FolderLock {
  release(): Promise<void>
}

/** Limits how long to wait for an owner that is shutting down, in milliseconds. */
const WAIT_MS = 6000
/** Sets when a socket that refuses connections counts as dead, in milliseconds; until then its owner may be about to listen. */
const DEAD_AFTER_MS = 2000
/** Limits the length of a Unix socket's path (`sun_path`, the shortest in use). */
const LONGEST_PATH = 100

/** Takes the lock. Rejects with advice for the operator if another process keeps it. */
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

/** Returns the folder of the sockets: in the locked folder, or in the temporary one if that makes a socket's path too long. */
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
    // Any other error (a full backlog, missing rights, no descriptors) may hide a living owner.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    )
  })

/** Returns whether a socket is too old to be about to listen. Clocks may be set back, so a time in the future counts as old too. */
const isOld = (path: string): boolean => {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && Math.abs(systemClock.now() - stats.mtimeMs) > DEAD_AFTER_MS
}
