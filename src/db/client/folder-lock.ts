/**
 * A lock on a folder that tells a live holder from a dead one: the holder listens on a socket in it, and only a living
 * process answers there. A process id in a file can't say that: in a container it is always 1.
 *
 * Publish, then look: each starter first listens on a socket of its own name, and only then looks for others. Of two, the
 * later to look sees the earlier, so there are never two holders; both may see each other, and then both step back for a
 * random while. Nobody takes a socket's name over, which is what makes removing a dead one safe.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../lib/clock.ts'

/** Held until it is released, or the process ends, however it ends. */
export interface FolderLock {
  release(): Promise<void>
}

/** How long to wait for a holder that is on its way out, in milliseconds. */
const PATIENCE_MS = 6000
/** A socket that refuses may still be between its making and its listening; after this it is dead. */
const DEAD_AFTER_MS = 2000
/** What an address of a Unix socket may be long (`sun_path`, the shortest in use). */
const LONGEST_PATH = 100

/** Takes the lock, or rejects with a sentence that says what to do when another process keeps it. */
export const lockFolder = async (folder: string, patienceMs = PATIENCE_MS): Promise<FolderLock> => {
  const sockets = socketFolder(folder)
  const deadline = systemClock.monotonic() + patienceMs
  for (;;) {
    const mine = await publish(sockets)
    if (!(await hasOther(sockets, mine.name))) return mine
    await mine.release()
    if (systemClock.monotonic() > deadline) throw new Error(inUse(folder))
    await delay(50 + Math.random() * 250)
  }
}

const inUse = (folder: string): string =>
  `The embedded database in ${folder} is open in another process, and two would destroy it. Stop the other one, ` +
  'or give this one a folder of its own (DATABASE_URL=pglite:OTHER_FOLDER), or use PostgreSQL for several processes.'

/** The folder's own, unless that makes an address too long; then one that its path names. */
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
    // Closing a server removes its socket's file.
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
    // Whatever else is in the way (a full backlog, no rights, no descriptors), somebody may be there.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    )
  })

/** Whether a socket is too old to be about to listen. Files have wall-clock times; one from the future was made before a step. */
const isOld = (path: string): boolean => {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && Math.abs(systemClock.now() - stats.mtimeMs) > DEAD_AFTER_MS
}
