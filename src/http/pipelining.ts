/**
 * Continues to parse after a request whose upgrade is ignored. Node's parser stops after such a request and drops the other requests
 * in the same packet. This module relies on undocumented properties of the parser. Without them, Node's behavior is unchanged.
 */
import type { IncomingMessage } from 'node:http'

/** The undocumented properties of a connection's HTTP parser that are used. */
export interface Parser {
  onIncoming?: ((request: IncomingMessage & { upgrade?: boolean | null }, isKeptAlive: boolean) => number) | null
  /** Parses bytes, and returns how many were parsed. */
  execute?(bytes: Buffer): number | Error
  getCurrentBuffer?(): Buffer
  [ignored]?: boolean
}

/** A socket from which Node reads HTTP, with the undocumented properties that are used. */
export interface ParsingSocket {
  readonly parser?: Parser | null
  /** True while Node has paused reads because the client does not read its responses. */
  readonly _paused?: boolean
  emit(event: 'data', bytes: Buffer): boolean
  unshift(bytes: Buffer): void
}

const ignored = Symbol('an upgrade was ignored')

/** Records that the current request's upgrade is ignored, so the parser will stop after this request. */
export const upgradeIsIgnored = (socket: ParsingSocket): void => {
  if (socket.parser) socket.parser[ignored] = true
}

/** Makes the parser of a socket continue after ignored upgrades, until Node frees the parser. */
export const continueAfterUpgrades = (socket: ParsingSocket, parser: Parser): void => {
  // The parser may come from Node's pool, with the state of an earlier connection.
  parser[ignored] = false
  if (!Object.hasOwn(parser, 'execute')) continueExecute(parser)
  const key = executedKey(parser)
  if (key === undefined) return
  const onExecuted = Reflect.get(parser, key) as (parsed: number | Error) => void
  // Node calls this function after its native code has parsed bytes from the socket's handle, and `execute` for all other bytes.
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
