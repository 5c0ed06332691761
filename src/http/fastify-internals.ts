/**
 * Reads internals of a Fastify instance that have no public API. If a version of Fastify does not have them, the functions
 * return `undefined` or an empty list.
 */
import type { IncomingMessage, Server } from 'node:http'

/** Returns the function of the option `rewriteUrl`, which Fastify calls before the router. */
export const rewriteUrlOf = (application: object): ((request: IncomingMessage) => unknown) | undefined => {
  const { rewriteUrl } = (internal(application, 'fastify.options') ?? {}) as {
    rewriteUrl?: (request: unknown) => unknown
  }
  return rewriteUrl && (request => rewriteUrl.call(application, request))
}

/**
 * Returns the servers that are listening. For the host `localhost`, `listen` creates one more server for each further address.
 */
export const listeningServers = (application: object): Server[] =>
  (internal(application, 'fastify.serverBindings') ?? []) as Server[]

const internal = (application: object, description: string): unknown => {
  for (let at: object | null = application; at !== null; at = Object.getPrototypeOf(at)) {
    const key = Object.getOwnPropertySymbols(at).find(symbol => symbol.description === description)
    if (key) return Reflect.get(at, key)
  }
  return undefined
}
