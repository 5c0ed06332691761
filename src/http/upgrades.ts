/**
 * Handles the HTTP upgrades of a chat on a server that other applications may share. An upgrade belongs to the chat if its path
 * matches a WebSocket route of the chat. No other listener of the server receives such an upgrade. The chat routes the upgrade
 * like a request, so that the same hooks, limits and errors apply as on every other route. The socket is closed after the
 * response, unless the route accepts the upgrade.
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ChatError } from '../protocol/errors.ts'
import { upgradeGate } from './upgrade-gate.ts'

/** An upgrade that is not yet accepted or rejected. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** The bytes that the client sent after the request. */
  readonly head: Buffer
  readonly response: ServerResponse
}

export interface UpgradesOptions {
  readonly server: Server
  /** Returns whether the request's path matches a WebSocket route of this chat. */
  isOurs(request: IncomingMessage): boolean
  /** Routes an upgrade like a request. */
  route(request: IncomingMessage, response: ServerResponse): void
  /** Writes an error response to an upgrade that has no other response. */
  refuse(response: ServerResponse, error: ChatError): void
  /** Timeout in milliseconds for a route to respond, 30,000 by default. It is needed because a hook might never complete. */
  readonly responseTimeoutMs?: number | undefined
}

/** Tracks the upgrades of one chat. */
export interface Upgrades {
  /** Returns the upgrade of a request. Returns `undefined` for an ordinary request and after the upgrade was accepted. */
  find(request: IncomingMessage): Upgrade | undefined
  /** Stops tracking an upgrade. The caller then owns its socket. */
  accept(request: IncomingMessage): void
  /** Also handles the upgrades of `other`, an additional server from which Fastify forwards `upgrade` events to `server`. */
  include(other: Server): void
  /** Shortens the timeout of upgrades that have no response yet, so that the server can close. */
  drain(): void
  /** Stops handling upgrades. */
  release(): void
}

const RESPONSE_TIMEOUT_MS = 30_000
/** Timeout in milliseconds for a client to read a rejection. Also the response timeout of a route while the server closes. */
const LINGER_MS = 700

/** Registers a chat with the upgrade dispatcher of the server. */
export const createUpgrades = (options: UpgradesOptions): Upgrades => {
  const { server, isOurs, route, refuse } = options
  const held = new Map<IncomingMessage, HeldUpgrade>()
  const gate = upgradeGate(server)
  let { responseTimeoutMs = RESPONSE_TIMEOUT_MS } = options

  const take = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Fastify reads the client's address from `request.socket`, which an injected upgrade in a test lacks.
    request.socket ??= socket as Socket
    const upgrade = { request, socket, head, response: new ServerResponse(request) }
    const one = holdUpgrade(upgrade, refuse, () => held.delete(request))
    held.set(request, one)
    one.limit(responseTimeoutMs)
    try {
      upgrade.response.assignSocket(socket as Socket)
      route(request, upgrade.response)
    } catch (cause) {
      one.refuse(new ChatError('internal_error', 'The service failed. Try again.', { cause }))
    }
  }
  const owner = { isOurs, take }
  gate.owners.add(owner)

  return {
    find: request => held.get(request)?.upgrade,
    accept: request => held.get(request)?.release(),
    include: gate.include,
    drain() {
      responseTimeoutMs = LINGER_MS
      for (const { limit } of held.values()) limit(responseTimeoutMs)
    },
    release: () => void gate.owners.delete(owner)
  }
}

/** Tracks an upgrade until its socket is closed, or until other code takes over the socket. */
interface HeldUpgrade {
  readonly upgrade: Upgrade
  /** Rejects the upgrade if it has no response after `ms` milliseconds. */
  limit(ms: number): void
  refuse(error: ChatError): void
  /** Stops tracking the socket, so that other code can use it. */
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
    // Discards the remaining bytes. If a socket is closed with unread bytes, the connection is reset and the response may be
    // lost.
    socket.resume()
    if ('destroySoon' in socket) (socket as Socket).destroySoon()
    else socket.end()
  }
  const refuseNow = (error: ChatError): void => {
    if (response.headersSent || socket.writableEnded) return destroy()
    // If bytes were written, other code (for example, a hook of the host) has taken over the socket.
    if (bytesWritten(socket) !== writtenBefore) return release()
    timer = setTimeout(destroy, LINGER_MS)
    refuse(response, error)
  }

  const refuseLate = (): void => {
    const detail = 'The service did not respond in time. Try again.'
    refuseNow(new ChatError('unavailable', detail, { retryAfterMs: 1000 }))
  }

  response.shouldKeepAlive = false
  response.once('finish', close)
  socket.on('error', destroy).on('close', forget)
  return {
    upgrade,
    limit(ms) {
      clearTimeout(timer)
      timer = setTimeout(refuseLate, ms)
    },
    refuse: refuseNow,
    release
  }
}

const bytesWritten = (socket: Duplex): number => ('bytesWritten' in socket ? Number(socket.bytesWritten) : 0)
