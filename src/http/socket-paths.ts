/** The paths at which WebSockets are opened, matched as the host application's router matches them. */
import type { IncomingMessage } from 'node:http'
import findMyWay, { type Config, type HTTPVersion } from 'find-my-way'
import { rewriteUrlOf } from './fastify-internals.ts'

/** The parts of a Fastify instance that decide which route a request reaches. */
export interface RoutedApplication {
  /** Fastify's options without its functions: the router's are in `routerOptions`, or beside it in the deprecated form. */
  readonly initialConfig: object
}

/** A route as Fastify's `onRoute` hook shows it. */
export interface SocketRoute {
  readonly url: string
  readonly constraints?: object | undefined
}

/** The WebSocket routes of one chat. */
export interface SocketPaths {
  add(route: SocketRoute): void
  /** Returns whether a request with this path, whatever it asks for there, is for one of the routes. */
  match(request: IncomingMessage): boolean
}

type RouterOptions = Config<HTTPVersion.V1>

/** Creates the matcher from the router's options of a host application. */
export const createSocketPaths = (application: RoutedApplication): SocketPaths => {
  const router = findMyWay(routerOptions(application.initialConfig))
  const rewriteUrl = rewriteUrlOf(application)
  return {
    add({ url, constraints = {} }) {
      // Custom constraints are the router's alone to derive: without them the route is ours, and the router refuses.
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
    // A copy: the request itself is rewritten when it is routed.
    return String(rewriteUrl(Object.create(request)))
  } catch {
    return url
  }
}
