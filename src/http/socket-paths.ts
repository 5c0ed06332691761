/** Matches the paths of WebSocket routes in the same way as the router of the host application. */
import type { IncomingMessage } from 'node:http'
import findMyWay, { type Config, type HTTPVersion } from 'find-my-way'
import { rewriteUrlOf } from './fastify-internals.ts'

/** The part of a Fastify instance that determines which route a request reaches. */
export interface RoutedApplication {
  /** Fastify's options without functions. The router's options are in `routerOptions` or, deprecated, at the top level. */
  readonly initialConfig: object
}

/** A route, as Fastify's `onRoute` hook receives it. */
export interface SocketRoute {
  readonly url: string
  readonly constraints?: object | undefined
}

/** Matches requests against the WebSocket routes of one chat. */
export interface SocketPaths {
  add(route: SocketRoute): void
  /** Returns whether the path of a request, with its `Host` and `Accept-Version`, matches one of the routes. */
  match(request: IncomingMessage): boolean
}

type RouterOptions = Config<HTTPVersion.V1>

/** Creates the matcher from the router options of a host application. */
export const createSocketPaths = (application: RoutedApplication): SocketPaths => {
  const router = findMyWay(routerOptions(application.initialConfig))
  const rewriteUrl = rewriteUrlOf(application)
  return {
    add({ url, constraints = {} }) {
      // Custom constraints are left out, because only the host's router can derive their values. So a request can match here
      // even if it does not meet a custom constraint, but the host's router then rejects it.
      const known = Object.entries(constraints).filter(([name]) => name === 'host' || name === 'version')
      router.on('GET', url, { constraints: Object.fromEntries(known) }, () => {})
    },
    match(request) {
      const { host, 'accept-version': version } = request.headers
      return router.find('GET', routedUrl(request, rewriteUrl), { host, version }) !== null
    }
  }
}

const ROUTER_OPTIONS = [
  'caseSensitive',
  'ignoreTrailingSlash',
  'ignoreDuplicateSlashes',
  'useSemicolonDelimiter',
  'maxParamLength',
  'allowUnsafeRegex'
] as const

const routerOptions = (config: { readonly routerOptions?: RouterOptions } & RouterOptions): RouterOptions => {
  const given: Record<string, unknown> = { ...config, ...config.routerOptions }
  return Object.fromEntries(ROUTER_OPTIONS.map(name => [name, given[name]]))
}

const routedUrl = (request: IncomingMessage, rewriteUrl: ReturnType<typeof rewriteUrlOf>): string => {
  const url = request.url ?? '/'
  if (!rewriteUrl) return url
  try {
    // Fastify calls `rewriteUrl` again with the request. `rewriteUrl` may change its argument, so this call passes an object
    // that inherits from the request. The request itself stays unchanged.
    return String(rewriteUrl(Object.create(request)))
  } catch {
    return url
  }
}
