/**
 * The owner of a chat's HTTP upgrades, on a server that others may share. An upgrade is the chat's if its path leads to a
 * WebSocket route of the chat. It is then routed as a request, so that hooks, limits and errors are those of every route, and
 * the response closes the socket unless the route accepts the upgrade. No other listener of the server sees it.
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ChatError } from '../protocol/errors.ts'
import { upgradeGate } from './upgrade-gate.ts'

/** An upgrade that is neither accepted nor refused yet. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** What the client sent after the request. */
  readonly head: Buffer
  readonly response: ServerResponse
}

/** What the upgrades of a chat need. */
export interface UpgradesOptions {
  readonly server: Server
  /** Returns whether the request's path leads to a WebSocket route of this chat. */
  isOurs(request: IncomingMessage): boolean
  /** Handles an upgrade as a request. */
  route(request: IncomingMessage, response: ServerResponse): void
  /** Writes the response to an upgrade that got no other. */
  refuse(response: ServerResponse, error: ChatError): void
  /** When that is, in milliseconds: by then every hook has ended, or it never will. By default 30 s. */
  readonly answerMs?: number | undefined
}

/** The upgrades of one chat. */
export interface Upgrades {
  /** Returns the upgrade that came as a request; undefined for an ordinary request, and once it is accepted. */
  find(request: IncomingMessage): Upgrade | undefined
  /** Takes an upgrade out of HTTP: its socket belongs to the caller now. */
  accept(request: IncomingMessage): void
  /** Decides for another server, too, that passes its upgrades on to the first. */
  include(other: Server): void
  /** Shortens the time limit of the upgrades without a response, so that the server can close. */
  drain(): void
  /** Owns no upgrade any longer. */
  release(): void
}

const ANSWER_MS = 30_000
/** The same while the server closes, and how long a client may take to read what it is refused with. */
const LAST_ANSWER_MS = 700

/** Makes a chat the owner of its upgrades. */
export const createUpgrades = (options: UpgradesOptions): Upgrades => {
  const { server, isOurs, route, refuse } = options
  const held = new Map<IncomingMessage, HeldUpgrade>()
  const gate = upgradeGate(server)
  let { answerMs = ANSWER_MS } = options

  const take = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Fastify reads the client's address from it, and a request that a test injects has none.
    request.socket ??= socket as Socket
    const upgrade = { request, socket, head, response: new ServerResponse(request) }
    const one = holdUpgrade(upgrade, refuse, () => held.delete(request))
    held.set(request, one)
    one.limit(answerMs)
    try {
      upgrade.response.assignSocket(socket as Socket)
      route(request, upgrade.response)
    } catch (cause) {
      one.refuse(new ChatError('internal_error', 'Something went wrong on our side.', { cause }))
    }
  }
  const owner = { isOurs, take }
  gate.owners.add(owner)

  return {
    find: request => held.get(request)?.upgrade,
    accept: request => held.get(request)?.release(),
    include: gate.include,
    drain() {
      answerMs = LAST_ANSWER_MS
      for (const { limit } of held.values()) limit(answerMs)
    },
    release: () => void gate.owners.delete(owner)
  }
}

/** The socket of an upgrade as long as the chat owes the response. */
interface HeldUpgrade {
  readonly upgrade: Upgrade
  /** Refuses the upgrade if it has no response by then. */
  limit(ms: number): void
  refuse(error: ChatError): void
  /** Leaves the socket to somebody else. */
  release(): void
}

const holdUpgrade = (upgrade: Upgrade, refuse: UpgradesOptions['refuse'], ended: () => void): HeldUpgrade => {
  const { socket, response } = upgrade
  const writtenBefore = bytesWritten(socket)
  let timer: NodeJS.Timeout | undefined

  const destroy = (): void => void socket.destroy()
  const forget = (): void => {
    clearTimeout(timer)
    socket.off('error', destroy).off('close', forget)
    ended()
  }
  const release = (): void => {
    forget()
    response.off('finish', close)
    if (response.socket) response.detachSocket(response.socket)
  }
  const close = (): void => {
    // Bytes that are left unread reset the connection, and the client may lose the response.
    socket.resume()
    if ('destroySoon' in socket) (socket as Socket).destroySoon()
    else socket.end()
  }
  const refuseNow = (error: ChatError): void => {
    if (response.headersSent || socket.writableEnded) return destroy()
    // Somebody took the socket from the request and uses it.
    if (bytesWritten(socket) !== writtenBefore) return release()
    timer = setTimeout(destroy, LAST_ANSWER_MS)
    refuse(response, error)
  }

  response.shouldKeepAlive = false
  response.once('finish', close)
  socket.on('error', destroy).on('close', forget)
  return {
    upgrade,
    limit(ms) {
      clearTimeout(timer)
      const late = new ChatError('unavailable', 'The service did not respond in time. Try again.', {
        retryAfterMs: 1000
      })
      timer = setTimeout(refuseNow, ms, late)
    },
    refuse: refuseNow,
    release
  }
}

const bytesWritten = (socket: Duplex): number => ('bytesWritten' in socket ? Number(socket.bytesWritten) : 0)
