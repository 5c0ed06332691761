/** The API's documents: the OpenAPI document, Swagger UI and Redoc, every asset from the service itself. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import { packageFile } from '../src/package.ts'

const REDOC_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  // Redoc's search runs in a worker it makes itself, and its styles are made in the page.
  'worker-src blob:',
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'"
].join('; ')

const REDOC_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fastify-chat: API reference</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="redoc"></div>
<script src="redoc/redoc.standalone.js"></script>
<script src="redoc/start.js"></script>
</body>
</html>
`

const REDOC_START = `Redoc.init('openapi.json', { hideLoading: true }, document.getElementById('redoc'))\n`

const docsRoutes: FastifyPluginAsync = async fastify => {
  fastify.get('/openapi.json', { schema: { hide: true } }, async () => fastify.swagger())

  await fastify.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { persistAuthorization: true, tryItOutEnabled: true, displayRequestDuration: true }
  })

  await fastify.register(redocRoutes)
}

export default docsRoutes

const redocRoutes = async (fastify: FastifyInstance): Promise<void> => {
  let bundle: Promise<Buffer> | undefined

  fastify.get('/redoc', { schema: { hide: true } }, async (_, reply) => page(reply, 'text/html', REDOC_PAGE))
  fastify.get('/redoc/start.js', { schema: { hide: true } }, async (_, reply) =>
    page(reply, 'text/javascript', REDOC_START)
  )
  fastify.get('/redoc/redoc.standalone.js', { schema: { hide: true } }, async (_, reply) => {
    bundle ??= readRedoc()
    return page(reply.header('cache-control', 'public, max-age=86400'), 'text/javascript', await bundle)
  })
}

const page = (reply: FastifyReply, type: string, body: string | Buffer): FastifyReply =>
  reply.header('content-security-policy', REDOC_POLICY).type(`${type}; charset=utf-8`).send(body)

/** Redoc's bundle: copied into the build, since the package itself stays a development dependency. */
const readRedoc = async (): Promise<Buffer> => {
  try {
    return await readFile(packageFile('dist', 'assets', 'redoc.standalone.js'))
  } catch {
    return readFile(createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js'))
  }
}
