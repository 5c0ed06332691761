/**
 * Keeps the requests that a client sends in one packet with one whose upgrade is ignored. Node's parser stops behind such a
 * request, and Node forgets the rest of the packet. Nothing of the parser is documented: where a later Node has other names for
 * it, the rest is lost as it is without this.
 */
import type { IncomingMessage } from 'node:http'

/** The HTTP parser of a connection. */
export interface Parser {
  onIncoming?: ((request: IncomingMessage & { upgrade?: boolean | null }, isKeptAlive: boolean) => number) | null
  /** Returns how many bytes were parsed. */
  execute?(bytes: Buffer): number | Error
  getCurrentBuffer?(): Buffer
  [ignored]?: boolean
}

/** A socket that Node reads HTTP from. */
export interface ParsingSocket {
  readonly parser?: Parser | null
  /** Set while too many responses wait to be read. */
  readonly _paused?: boolean
  emit(event: 'data', bytes: Buffer): boolean
  unshift(bytes: Buffer): void
}

const ignored = Symbol('an upgrade was ignored')

/** Marks that the parser stops behind the request that it is in. */
export const upgradeIsIgnored = (socket: ParsingSocket): void => {
  if (socket.parser) socket.parser[ignored] = true
}

/** Parses on behind ignored upgrades, until Node frees the parser. */
export const continueAfterUpgrades = (socket: ParsingSocket, parser: Parser): void => {
  // The parser may come from Node's pool, with what is left of an earlier connection.
  parser[ignored] = false
  if (!Object.hasOwn(parser, 'execute')) continueExecute(parser)
  const key = executedKey(parser)
  if (key === undefined) return
  const onExecuted = Reflect.get(parser, key) as (parsed: number | Error) => void
  // Called for what Node reads from the handle without JavaScript; `execute` is for everything else.
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
