/** Serves the API documents: OpenAPI for HTTP, AsyncAPI for the WebSocket, Swagger UI and Redoc. Loads no external assets. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import { packageFile } from '../src/lib/package.ts'
import { buildAsyncApi } from '../src/protocol/asyncapi.ts'

export interface DocsRoutesOptions {
  readonly publicUrl?: string | undefined
}

// Allows inline styles, because Swagger UI and Redoc create styles at run time. Allows workers from blobs, because Redoc
// creates the worker of its search from a blob.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  'worker-src blob:',
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')

// The response is the same for all users, so it may be stored.
const STATIC = { schema: { hide: true }, config: { chatMayBeStored: true } }

/**
 * A page that a library renders. `name` is the path of the page, and the folder of the page's files. `start` is the script that
 * starts the library.
 */
interface DocumentPage {
  readonly name: string
  readonly title: string
  readonly script: string
  readonly style?: string
  readonly start: string
}

const PAGES: readonly DocumentPage[] = [
  {
    name: 'docs',
    title: 'fastify-chat: API',
    script: '@fastify/swagger-ui/static/swagger-ui-bundle.js',
    style: '@fastify/swagger-ui/static/swagger-ui.css',
    // Uses `BaseLayout`, because this layout has no input for the URL of another document. Removes the token that earlier
    // releases stored under the key `authorized`. The token is now kept only in memory.
    start: `localStorage.removeItem('authorized')
SwaggerUIBundle({
  url: 'openapi.json', dom_id: '#page', layout: 'BaseLayout', presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true, persistAuthorization: false, tryItOutEnabled: true, displayRequestDuration: true
})\n`
  },
  {
    name: 'redoc',
    title: 'fastify-chat: API reference',
    script: 'redoc/bundles/redoc.standalone.js',
    start: `Redoc.init('openapi.json', { hideLoading: true }, document.getElementById('page'))\n`
  }
]

const docsRoutes: FastifyPluginAsync<DocsRoutesOptions> = async (fastify, { publicUrl }) => {
  const documents = {
    openapi: () => fastify.chatDocument(),
    asyncapi: () => buildAsyncApi({ frames: fastify.chatCore.log.kinds.frames, publicUrl })
  }
  for (const [name, build] of Object.entries(documents)) {
    // Built on the first request, when all routes are registered. The document does not change after that.
    let bytes: Buffer | undefined
    fastify.get(`/${name}.json`, STATIC, async (_, reply) => {
      bytes ??= Buffer.from(JSON.stringify(build()))
      return reply.type('application/json; charset=utf-8').send(bytes)
    })
  }
  for (const page of PAGES) mount(fastify, page)
}

export default docsRoutes

const mount = (fastify: FastifyInstance, page: DocumentPage): void => {
  const { name, script, style, start } = page
  const serve = (path: string, type: string, body: () => string | Promise<Buffer>, age = 0): void => {
    fastify.get(path, STATIC, async (_, reply: FastifyReply) => {
      reply.header('content-security-policy', POLICY).type(`${type}; charset=utf-8`)
      return reply.header('cache-control', `public, max-age=${age}`).send(await body())
    })
  }
  serve(`/${name}`, 'text/html', () => htmlOf(page))
  fastify.get(`/${name}/`, STATIC, async (_, reply) => reply.redirect(`../${name}`))
  serve(`/${name}/start.js`, 'text/javascript', () => start)
  serve(`/${name}/${basename(script)}`, 'text/javascript', () => read(script), DAY)
  if (style) serve(`/${name}/${basename(style)}`, 'text/css', () => read(style), DAY)
}

const DAY = 24 * 60 * 60

const htmlOf = ({ name, title, script, style }: DocumentPage): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
${style ? `<link rel="stylesheet" href="${name}/${basename(style)}">` : ''}
<style>body { margin: 0 }</style>
</head>
<body>
<div id="page"></div>
<script src="${name}/${basename(script)}"></script>
<script src="${name}/start.js"></script>
</body>
</html>
`

const files = new Map<string, Promise<Buffer>>()

/** Reads a file of a library and caches it. Removes the URL of a logo that Redoc would load from its vendor. */
const read = (file: string): Promise<Buffer> => {
  const reading =
    files.get(file) ??
    readFile(assetPath(file), 'utf8').then(text =>
      Buffer.from(text.replaceAll('https://cdn.redoc.ly/redoc/logo-mini.svg', 'data:,'))
    )
  files.set(file, reading)
  return reading
}

/** Returns the path of a file of a library. The build copies these files, because the libraries are development dependencies. */
const assetPath = (file: string): string => {
  const built = packageFile('dist', 'assets', basename(file))
  return existsSync(built) ? built : createRequire(import.meta.url).resolve(file)
}
