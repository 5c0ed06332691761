/**
 * Decides while Node parses a request whether it becomes an `upgrade` event. One that doesn't is an ordinary request of its
 * connection, as RFC 9110 (7.8) wants it, and costs no more than one without the header. Node 22 and 24 ask
 * `server.shouldUpgradeCallback`. Node 20 has no such question: there the parser of each connection is asked first.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import { continueAfterUpgrades, type Parser, type ParsingSocket, upgradeIsIgnored } from './pipelining.ts'

/** Returns whether a request that offers an upgrade becomes an `upgrade` event; undefined leaves that to Node. */
export type DecideUpgrade = (request: IncomingMessage) => boolean | undefined

/** Since Node 22.21 and 24.9; the types of Node 20 don't know it. */
interface AskingServer {
  shouldUpgradeCallback: (request: IncomingMessage) => boolean
}

/** What `onIncoming` returns for an upgrade: the request has no body, and what follows is not HTTP. */
const UPGRADES = 2

/**
 * Listens for an upgrade from the decision until the event, which follow each other at once: Node 22 and 24 end the connection
 * if nobody does. Others who count the server's listeners must not find one of the chat's.
 */
export const placeholder = (): void => {}

/** Asks `decide` about every request of the server that offers an upgrade. */
export const decideUpgrades = (server: Server, decide: DecideUpgrade): void => {
  const decideOnce: DecideUpgrade = request => {
    server.off('upgrade', placeholder)
    const decision = decide(request)
    if (decision && server.listenerCount('upgrade') === 0) server.on('upgrade', placeholder)
    if (decision === false) upgradeIsIgnored(request.socket)
    return decision
  }
  const isAsked = isAsking(server)
  if (isAsked) {
    const before = server.shouldUpgradeCallback
    server.shouldUpgradeCallback = request => decideOnce(request) ?? before.call(server, request)
  }
  const begin = (socket: ParsingSocket): void => {
    if (!socket.parser) return
    if (!isAsked) askParser(socket.parser, decideOnce)
    continueAfterUpgrades(socket, socket.parser)
  }
  // Over TLS, only the second is a connection that is parsed.
  server.on('connection', begin).on('secureConnection', begin)
}

const isAsking = (server: object): server is AskingServer =>
  'shouldUpgradeCallback' in server && typeof server.shouldUpgradeCallback === 'function'

const askParser = (parser: Parser, decide: DecideUpgrade): void => {
  const { onIncoming } = parser
  if (!onIncoming) return
  parser.onIncoming = (request, isKeptAlive) => {
    // CONNECT is an event of its own.
    const decision = request.upgrade && request.method !== 'CONNECT' ? decide(request) : undefined
    if (decision) return UPGRADES
    if (decision === false) request.upgrade = false
    return onIncoming(request, isKeptAlive)
  }
}
