/**
 * Parses the requests that follow, in the same packet, a request whose upgrade is ignored. Node's parser stops after such a
 * request and drops the rest of the packet. This relies on undocumented properties of the parser. If a later Node renames them,
 * it drops the rest again.
 */
import type { IncomingMessage } from 'node:http'

/** Describes the HTTP parser of a connection. */
export interface Parser {
  onIncoming?: ((request: IncomingMessage & { upgrade?: boolean | null }, isKeptAlive: boolean) => number) | null
  /** Returns how many bytes it has parsed. */
  execute?(bytes: Buffer): number | Error
  getCurrentBuffer?(): Buffer
  [ignored]?: boolean
}

/** Describes a socket from which Node reads HTTP. */
export interface ParsingSocket {
  readonly parser?: Parser | null
  /** Is set while too many responses are unread. */
  readonly _paused?: boolean
  emit(event: 'data', bytes: Buffer): boolean
  unshift(bytes: Buffer): void
}

const ignored = Symbol('an upgrade was ignored')

/** Records that the parser will stop after the current request. */
export const upgradeIsIgnored = (socket: ParsingSocket): void => {
  if (socket.parser) socket.parser[ignored] = true
}

/** Continues parsing after ignored upgrades, until Node frees the parser. */
export const continueAfterUpgrades = (socket: ParsingSocket, parser: Parser): void => {
  // The parser may come from Node's pool, with the state of an earlier connection.
  parser[ignored] = false
  if (!Object.hasOwn(parser, 'execute')) continueExecute(parser)
  const key = executedKey(parser)
  if (key === undefined) return
  const onExecuted = Reflect.get(parser, key) as (parsed: number | Error) => void
  // Node calls this for what it reads from the handle without JavaScript, and `execute` for everything else.
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
