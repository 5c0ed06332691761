/** The API's documents: OpenAPI for HTTP, AsyncAPI for the WebSocket, Swagger UI and Redoc, every asset from the service itself. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import { buildAsyncApi } from '../src/asyncapi.ts'
import { packageFile } from '../src/package.ts'

/** How clients reach the service, for the documents. */
export interface DocsRoutesOptions {
  readonly publicUrl?: string | undefined
}

// Both pages make styles as they run; Redoc's search runs in a worker that it makes itself.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  'worker-src blob:',
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')

const REDOC_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fastify-chat: API reference</title>
<link rel="icon" href="data:,">
<style>body { margin: 0 }</style>
</head>
<body>
<div id="redoc"></div>
<script src="redoc/redoc.standalone.js"></script>
<script src="redoc/start.js"></script>
</body>
</html>
`

const REDOC_START = `Redoc.init('openapi.json', { hideLoading: true }, document.getElementById('redoc'))\n`

const docsRoutes: FastifyPluginAsync<DocsRoutesOptions> = async (fastify, { publicUrl }) => {
  const asyncApi = buildAsyncApi(publicUrl)
  fastify.get('/openapi.json', { schema: { hide: true } }, async () => fastify.chatDocument())
  fastify.get('/asyncapi.json', { schema: { hide: true } }, async () => asyncApi)

  await fastify.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: POLICY,
    theme: { title: 'fastify-chat: API' },
    // The base layout: without the bar in which one would type another document's address.
    uiConfig: { layout: 'BaseLayout', persistAuthorization: true, tryItOutEnabled: true, displayRequestDuration: true }
  })

  await fastify.register(redocRoutes)
}

export default docsRoutes

const redocRoutes = async (fastify: FastifyInstance): Promise<void> => {
  let bundle: Promise<string> | undefined

  fastify.get('/redoc', { schema: { hide: true } }, async (_, reply) => page(reply, 'text/html', REDOC_PAGE))
  fastify.get('/redoc/start.js', { schema: { hide: true } }, async (_, reply) =>
    page(reply, 'text/javascript', REDOC_START)
  )
  fastify.get('/redoc/redoc.standalone.js', { schema: { hide: true } }, async (_, reply) => {
    bundle ??= readRedoc()
    return page(reply.header('cache-control', 'public, max-age=86400'), 'text/javascript', await bundle)
  })
}

const page = (reply: FastifyReply, type: string, body: string): FastifyReply =>
  reply.header('content-security-policy', POLICY).type(`${type}; charset=utf-8`).send(body)

/** Redoc's bundle, from the build or from the package, without the picture that it would fetch from its makers. */
const readRedoc = async (): Promise<string> =>
  (await readFile(redocPath(), 'utf8')).replaceAll('https://cdn.redoc.ly/redoc/logo-mini.svg', 'data:,')

/** The package itself is a development dependency, so the build brings a copy. */
const redocPath = (): string => {
  const built = packageFile('dist', 'assets', 'redoc.standalone.js')
  return existsSync(built) ? built : createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js')
}
