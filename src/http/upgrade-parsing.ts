/**
 * Decides, while Node parses a request, whether the request becomes an `upgrade` event. If not, its `Upgrade` header is
 * ignored, as RFC 9110 (7.8) allows, and the request is handled as an ordinary request. Node 22.21, 24.9 and later releases
 * call `server.shouldUpgradeCallback` for the decision. Earlier releases have no such callback, so the parser of each
 * connection is wrapped instead.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import { continueAfterUpgrades, type Parser, type ParsingSocket, upgradeIsIgnored } from './pipelining.ts'

/** Returns whether a request with an `Upgrade` header becomes an `upgrade` event, or `undefined` to let Node decide. */
export type DecideUpgrade = (request: IncomingMessage) => boolean | undefined

/** A server in Node 22.21, 24.9 or a later release. The types of Node 20 do not contain the callback. */
interface ServerWithUpgradeCallback {
  shouldUpgradeCallback: (request: IncomingMessage) => boolean
}

/**
 * The value that `onIncoming` returns for an upgrade. The parser then does not parse the bytes after the head of the request.
 */
const UPGRADES = 2

/**
 * Does nothing. Used as an `upgrade` listener, because Node 22 and 24 close the connection of an upgrade if the server has no
 * listener. This listener is added only between the decision and the event, so that other code that counts the listeners does not
 * count it.
 */
export const placeholder = (): void => {}

/** Calls `decide` for every request of the server that has an `Upgrade` header. */
export const decideUpgrades = (server: Server, decide: DecideUpgrade): void => {
  const decideOnce: DecideUpgrade = request => {
    server.off('upgrade', placeholder)
    const decision = decide(request)
    if (decision && server.listenerCount('upgrade') === 0) server.on('upgrade', placeholder)
    if (decision === false) upgradeIsIgnored(request.socket)
    return decision
  }
  const hasCallback = hasUpgradeCallback(server)
  if (hasCallback) {
    const before = server.shouldUpgradeCallback
    server.shouldUpgradeCallback = request => decideOnce(request) ?? before.call(server, request)
  }
  const begin = (socket: ParsingSocket): void => {
    if (!socket.parser) return
    if (!hasCallback) wrapParser(socket.parser, decideOnce)
    continueAfterUpgrades(socket, socket.parser)
  }
  // On a TLS server, the socket of the event `secureConnection` has a parser, and the socket of `connection` has none.
  server.on('connection', begin).on('secureConnection', begin)
}

const hasUpgradeCallback = (server: object): server is ServerWithUpgradeCallback =>
  'shouldUpgradeCallback' in server && typeof server.shouldUpgradeCallback === 'function'

const wrapParser = (parser: Parser, decide: DecideUpgrade): void => {
  const { onIncoming } = parser
  if (!onIncoming) return
  parser.onIncoming = (request, isKeptAlive) => {
    // Node also sets `upgrade` for a CONNECT request, but then emits a `connect` event.
    const decision = request.upgrade && request.method !== 'CONNECT' ? decide(request) : undefined
    if (decision) return UPGRADES
    if (decision === false) request.upgrade = false
    return onIncoming(request, isKeptAlive)
  }
}
