/** What nothing public of a Fastify instance shows. Where a later Fastify keeps it elsewhere, it counts as not given. */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'

/** Returns the option `rewriteUrl`, which runs before the router. */
export const rewriteUrlOf = (application: object): ((request: IncomingMessage) => unknown) | undefined => {
  const { rewriteUrl } = (internal(application, 'fastify.options') ?? {}) as {
    rewriteUrl?: (request: unknown) => unknown
  }
  return rewriteUrl && (request => rewriteUrl.call(application, request))
}

/** Returns the servers that listen: one for each address of `localhost`, all but the first made by `listen` itself. */
export const listeningServers = (application: object): Server[] =>
  (internal(application, 'fastify.serverBindings') ?? []) as Server[]

const internal = (application: object, description: string): unknown => {
  for (let at: object | null = application; at !== null; at = Object.getPrototypeOf(at)) {
    const key = Object.getOwnPropertySymbols(at).find(symbol => symbol.description === description)
    if (key) return Reflect.get(at, key)
  }
  return undefined
}
