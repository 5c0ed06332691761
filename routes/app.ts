/**
 * Serves the web client at `/app`. The files are read from `dist/web`, or are built on request if the service runs from source.
 */
import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import Negotiator from 'negotiator'
import { packageFile } from '../src/lib/package.ts'
import { ChatError } from '../src/protocol/errors.ts'

// Forbids inline scripts and styles, other origins, and parsing text as HTML. `connect-src 'self'` includes the WebSocket.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'"
].join('; ')

const TYPES: { readonly [extension: string]: string } = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml'
}

// The response is the same for all users, so it may be stored.
const STATIC = { schema: { hide: true }, config: { chatMayBeStored: true } }

/** A file of the web client, uncompressed and compressed with gzip. */
interface PageFile {
  readonly type: string
  readonly bytes: Buffer
  readonly gzipped: Buffer
}

/** Maps names to files: `index.html`, and the files in `app/`, whose names contain a hash of their content. */
type PageFiles = ReadonlyMap<string, PageFile>

const appRoutes: FastifyPluginAsync = async fastify => {
  const files = import.meta.filename.endsWith('.ts') ? builtFromSource() : await builtBefore()

  fastify.get('/app', STATIC, async (request, reply) => {
    reply.header('content-security-policy', POLICY).header('cache-control', 'no-cache')
    return send(request, reply, (await files()).get('index.html'))
  })
  fastify.get('/app/', STATIC, async (_, reply) => reply.redirect('../app'))
  fastify.get<{ Params: { file: string } }>('/app/:file', STATIC, async (request, reply) => {
    const file = (await files()).get(`app/${request.params.file}`)
    if (file) reply.header('cache-control', 'public, max-age=31536000, immutable')
    return send(request, reply, file)
  })
}

export default appRoutes

const send = (request: FastifyRequest, reply: FastifyReply, file: PageFile | undefined): FastifyReply => {
  if (!file) throw new ChatError('not_found', 'This file does not exist in the running version. Reload the page.')
  const takesGzip = new Negotiator(request).encoding(['gzip', 'identity']) === 'gzip'
  if (takesGzip) reply.header('content-encoding', 'gzip')
  reply.header('vary', [reply.getHeader('vary'), 'Accept-Encoding'].filter(Boolean).join(', '))
  return reply.type(file.type).send(takesGzip ? file.gzipped : file.bytes)
}

/** Reads the output of `npm run build` once, and resolves with a function that returns these files. */
const builtBefore = async (): Promise<() => Promise<PageFiles>> => {
  const folder = packageFile('dist', 'web')
  const names = ['index.html', ...(await readdir(join(folder, 'app'))).map(name => `app/${name}`)]
  const files = tableOf(
    await Promise.all(names.map(async (name): Promise<NamedBytes> => [name, await readFile(join(folder, name))]))
  )
  return () => files
}

/**
 * Returns a function that builds the files on its first call, and again on the first call after a source file has changed. A
 * build takes a second. Building works only in the repository, because the package does not contain the builder.
 */
const builtFromSource = (): (() => Promise<PageFiles>) => {
  let stamp: string | undefined
  let files: Promise<PageFiles> | undefined
  return async () => {
    const builder = await import(pathToFileURL(packageFile('tools', 'page.js')).href)
    const now: string = builder.stampOfPage()
    if (!files || stamp !== now) {
      stamp = now
      files = builder.buildPage().then(tableOf)
    }
    return files as Promise<PageFiles>
  }
}

type NamedBytes = readonly [name: string, bytes: Buffer]

const tableOf = async (named: readonly NamedBytes[]): Promise<PageFiles> =>
  new Map(
    await Promise.all(
      named.map(async ([name, bytes]): Promise<[string, PageFile]> => {
        const type = TYPES[extname(name)] ?? 'application/octet-stream'
        // A file is compressed once, so the highest level costs little.
        return [name, { type, bytes, gzipped: await promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }) }]
      })
    )
  )
