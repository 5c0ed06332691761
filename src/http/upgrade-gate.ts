/**
 * Dispatches the upgrades of a server that several applications share: those of a chat's path go to that chat, before any
 * listener of the server sees them, and all others to the listeners. If there is no listener, Node ignores the upgrade.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { decideUpgrades, placeholder } from './upgrade-parsing.ts'

/** Describes a chat that owns upgrades of the server. */
export interface UpgradeOwner {
  /** Returns whether the request's path leads to a WebSocket route of this chat. */
  isOurs(request: IncomingMessage): boolean
  /** Handles an upgrade. Never throws. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** Dispatches the upgrades of one server. */
export interface UpgradeGate {
  readonly owners: Set<UpgradeOwner>
  /** Also dispatches the upgrades of another server that forwards them to this one. */
  include(other: Server): void
}

const gates = new WeakMap<Server, UpgradeGate>()

/** Returns the gate of a server, one for all chats that are registered on it. */
export const upgradeGate = (server: Server): UpgradeGate => {
  const gate = gates.get(server) ?? openGate(server)
  gates.set(server, gate)
  return gate
}

const openGate = (server: Server): UpgradeGate => {
  const owners = new Set<UpgradeOwner>()
  // A request is looked up twice: when it is parsed, and when its event is emitted.
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
 * Returns whether a request opens a WebSocket (RFC 6455, 4.1). Other upgrades, for example to HTTP/2 (`h2c`), and upgrades in
 * HTTP/1.0 must be ignored (RFC 9110, 7.8).
 */
const offersWebSocket = ({ method, headers, httpVersion }: IncomingMessage): boolean =>
  method === 'GET' &&
  httpVersion === '1.1' &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  headers['transfer-encoding'] === undefined &&
  Number(headers['content-length'] ?? 0) === 0

/** Returns whether an earlier request of the connection has no response yet; that response must be sent first. */
const isBehindAnother = ({ socket }: IncomingMessage): boolean => Boolean(Reflect.get(socket, '_httpMessage'))

interface Interception {
  ownerOf(request: IncomingMessage): UpgradeOwner | undefined
  isDeclined(request: IncomingMessage): boolean
}

type UpgradeEvent = [request: IncomingMessage, socket: Duplex, head: Buffer]
type RequestEvent = [request: IncomingMessage, response: ServerResponse]

/** Replaces `emit`, because a listener can't keep an event from other listeners: engine.io ends every foreign upgrade after 1 s. */
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
      // A client that wanted a WebSocket won't reuse the connection.
      if (isDeclined(request)) response.shouldKeepAlive = false
    }
    return pass(event, args)
  }
}
