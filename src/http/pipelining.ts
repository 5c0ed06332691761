/**
 * Makes Node's HTTP parser continue after a request whose upgrade is ignored. By default, the parser stops after such a request
 * and drops the other requests in the same packet. This module uses undocumented properties of the parser. If a version of Node
 * lacks these properties, the parser keeps its default behavior.
 */
import type { IncomingMessage } from 'node:http'

/** The HTTP parser of a connection, with the undocumented properties that this module uses. */
export interface Parser {
  onIncoming?: ((request: IncomingMessage & { upgrade?: boolean | null }, isKeptAlive: boolean) => number) | null
  /** Parses bytes. Returns the number of parsed bytes, or an error. */
  execute?(bytes: Buffer): number | Error
  getCurrentBuffer?(): Buffer
  [ignored]?: boolean
}

/** A socket from which Node reads HTTP, with the undocumented properties that this module uses. */
export interface ParsingSocket {
  readonly parser?: Parser | null
  /** True while Node has paused reads because the client does not read its responses. */
  readonly _paused?: boolean
  emit(event: 'data', bytes: Buffer): boolean
  unshift(bytes: Buffer): void
}

const ignored = Symbol('an upgrade was ignored')

/**
 * Records that the upgrade of the current request is ignored, so that the parser is continued when it stops after the request.
 */
export const upgradeIsIgnored = (socket: ParsingSocket): void => {
  if (socket.parser) socket.parser[ignored] = true
}

/** Makes the parser of a socket continue after ignored upgrades, until Node frees the parser. */
export const continueAfterUpgrades = (socket: ParsingSocket, parser: Parser): void => {
  // Node reuses parsers, so this one may still have the state of an earlier connection.
  parser[ignored] = false
  if (!Object.hasOwn(parser, 'execute')) continueExecute(parser)
  const key = executedKey(parser)
  if (key === undefined) return
  const onExecuted = Reflect.get(parser, key) as (parsed: number | Error) => void
  // Node calls `onExecuted` after native code has parsed bytes from the socket's handle. `continued` replaces `onExecuted`.
  // For all other bytes, Node calls the parser's method `execute`, which `continueExecute` replaces.
  const continued = (parsed: number | Error): void => {
    const rest =
      parser[ignored] && typeof parsed === 'number' ? parser.getCurrentBuffer?.().subarray(parsed) : undefined
    parser[ignored] = false
    onExecuted(parsed)
    if (!rest || rest.length === 0 || socket.parser !== parser) return
    if (socket._paused) socket.unshift(rest)
    else socket.emit('data', rest)
  }
  Reflect.set(parser, key, continued)
}

const continueExecute = (parser: Parser): void => {
  const { execute } = parser
  if (!execute) return
  parser.execute = bytes => {
    let parsed = execute.call(parser, bytes)
    while (parser[ignored] && typeof parsed === 'number' && parsed < bytes.length) {
      parser[ignored] = false
      const more = execute.call(parser, bytes.subarray(parsed))
      parsed = typeof more === 'number' ? parsed + more : more
    }
    parser[ignored] = false
    return parsed
  }
}

const executedKey = (parser: Parser): string | undefined =>
  Object.keys(parser).find(key => Reflect.get(parser, key)?.name === 'bound onParserExecute')
