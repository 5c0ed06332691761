/**
 * Decides while Node parses a request whether it becomes an `upgrade` event. A request that doesn't is an ordinary request of
 * its connection, as RFC 9110 (7.8) requires, and costs no more than one without the header. Node 22 and 24 call
 * `server.shouldUpgradeCallback`. Node 20 has no such callback, so the parser of each connection is wrapped there.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import { continueAfterUpgrades, type Parser, type ParsingSocket, upgradeIsIgnored } from './pipelining.ts'

/** Returns whether a request that offers an upgrade becomes an `upgrade` event; undefined leaves that to Node. */
export type DecideUpgrade = (request: IncomingMessage) => boolean | undefined

/** Describes a server since Node 22.21 and 24.9; the types of Node 20 don't contain the callback. */
interface ServerWithUpgradeCallback {
  shouldUpgradeCallback: (request: IncomingMessage) => boolean
}

/** Describes what `onIncoming` returns for an upgrade: the request has no body, and the bytes after it are not HTTP. */
const UPGRADES = 2

/**
 * Listens for an upgrade between the decision and the event, which follow each other immediately: Node 22 and 24 close the
 * connection if there is no listener. Code that counts the server's listeners must not count one of the chat.
 */
export const placeholder = (): void => {}

/** Calls `decide` for every request of the server that offers an upgrade. */
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
  // Over TLS, only `secureConnection` emits a socket that is parsed.
  server.on('connection', begin).on('secureConnection', begin)
}

const hasUpgradeCallback = (server: object): server is ServerWithUpgradeCallback =>
  'shouldUpgradeCallback' in server && typeof server.shouldUpgradeCallback === 'function'

const wrapParser = (parser: Parser, decide: DecideUpgrade): void => {
  const { onIncoming } = parser
  if (!onIncoming) return
  parser.onIncoming = (request, isKeptAlive) => {
    // Node emits CONNECT as an event of its own.
    const decision = request.upgrade && request.method !== 'CONNECT' ? decide(request) : undefined
    if (decision) return UPGRADES
    if (decision === false) request.upgrade = false
    return onIncoming(request, isKeptAlive)
  }
}
