/**
 * Dispatches the upgrades of a server that several applications may share. A WebSocket handshake for a path of a chat is passed
 * to that chat only. The handshake is ignored if an earlier request of the connection still waits for its response. Any other
 * upgrade for such a path is ignored too. An upgrade for another path is passed to the server's `upgrade` listeners, or ignored
 * if there are none. The request of an ignored upgrade is handled as an ordinary request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { currentResponse } from './current-response.ts'
import { decideUpgrades, placeholder } from './upgrade-parsing.ts'

/** A chat that handles some of the server's upgrades. */
export interface UpgradeOwner {
  /** Returns whether the request's path matches a WebSocket route of this chat. */
  isOurs(request: IncomingMessage): boolean
  /** Handles an upgrade. Never throws. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** The upgrade dispatcher of one server. */
export interface UpgradeGate {
  readonly owners: Set<UpgradeOwner>
  /**
   * Also dispatches the upgrades of `other`, an additional server from which Fastify forwards `upgrade` events to this server.
   */
  include(other: Server): void
}

const gates = new WeakMap<Server, UpgradeGate>()

/** Returns the upgrade dispatcher of a server. All chats on the server share the dispatcher. */
export const upgradeGate = (server: Server): UpgradeGate => {
  const gate = gates.get(server) ?? openGate(server)
  gates.set(server, gate)
  return gate
}

const openGate = (server: Server): UpgradeGate => {
  const owners = new Set<UpgradeOwner>()
  // Cached, because the owner of a request is needed twice: when the request is parsed and when its event is emitted.
  const known = new WeakMap<IncomingMessage, UpgradeOwner | undefined>()
  const declined = new WeakSet<IncomingMessage>()

  const ownerOf = (request: IncomingMessage): UpgradeOwner | undefined => {
    if (!known.has(request))
      known.set(
        request,
        [...owners].find(owner => owner.isOurs(request))
      )
    return known.get(request)
  }
  const decide = (request: IncomingMessage): boolean | undefined => {
    const isOffer = offersWebSocket(request)
    if (ownerOf(request)) {
      if (isOffer && !isBehindAnother(request)) return true
    } else if (server.listenerCount('upgrade') > 0) return undefined
    if (isOffer) declined.add(request)
    return false
  }
  interceptEvents(server, { ownerOf, isDeclined: request => declined.has(request) })
  const included = new WeakSet<Server>()
  const include = (one: Server): void => {
    if (included.has(one)) return
    included.add(one)
    decideUpgrades(one, decide)
  }
  include(server)
  return { owners, include }
}

/**
 * Returns whether a request is a WebSocket handshake (RFC 6455, 4.1) and has no body. A chat ignores any other upgrade (RFC 9110,
 * 7.8), for example to HTTP/2 (`h2c`) or in HTTP/1.0.
 */
const offersWebSocket = ({ method, headers, httpVersion }: IncomingMessage): boolean =>
  method === 'GET' &&
  httpVersion === '1.1' &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  headers['transfer-encoding'] === undefined &&
  Number(headers['content-length'] ?? 0) === 0

/** Returns whether an earlier request of the connection still waits for its response, which must be sent first. */
const isBehindAnother = ({ socket }: IncomingMessage): boolean => currentResponse(socket) !== undefined

interface Interception {
  ownerOf(request: IncomingMessage): UpgradeOwner | undefined
  isDeclined(request: IncomingMessage): boolean
}

type UpgradeEvent = [request: IncomingMessage, socket: Duplex, head: Buffer]
type RequestEvent = [request: IncomingMessage, response: ServerResponse]

/**
 * Replaces the server's `emit`, so that the host's listeners do not receive the chat's upgrades. Such a listener may close the
 * connection: Engine.io (Socket.IO) does so 1 s after it received an upgrade for another path than its own. A listener of the
 * chat could not hide an upgrade from the other listeners.
 */
const interceptEvents = (server: Server, { ownerOf, isDeclined }: Interception): void => {
  const emit = server.emit
  const pass = (event: string, args: unknown[]): boolean => Reflect.apply(emit, server, [event, ...args])

  const onUpgrade = (...[request, socket, head]: UpgradeEvent): boolean => {
    server.off('upgrade', placeholder)
    const owner = ownerOf(request)
    if (owner) owner.take(request, socket, head)
    else if (!pass('upgrade', [request, socket, head])) socket.destroy()
    return true
  }
  server.emit = (event: string, ...args: unknown[]): boolean => {
    if (event === 'upgrade') return onUpgrade(...(args as UpgradeEvent))
    if (event === 'request') {
      const [request, response] = args as RequestEvent
      // Closes the connection after the response, because a client that requested a WebSocket does not reuse the connection.
      if (isDeclined(request)) response.shouldKeepAlive = false
    }
    return pass(event, args)
  }
}
