// Checks `fastify-chat-client` in an app. The package must install no other package, and must work with `ws` on a Node without
// WebSocket.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expectIn, install, root, run, runFile, STRICT } from './empty-project.js'

const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** Maximum gzipped sizes in bytes: of the chat alone, and of everything that the package exports. */
const MAX_BYTES = { chat: 14_000, all: 18_500 }
const CONTENTS = {
  chat: "export { createChatApi, createChatClient } from 'fastify-chat-client'",
  all: "export * from 'fastify-chat-client'"
}

const APP = `
import { ChatApiError, type ChatClient, createChatApi, createChatClient, type Message } from 'fastify-chat-client'

const client: ChatClient = createChatClient({ url: 'http://127.0.0.1:1', token: 'none' })
client.on('state', state => {
  console.log(state.status, 'reason' in state ? state.reason : '', 'detail' in state ? state.detail : '')
  if (state.status === 'waiting') client.close()
})
client.room('general').on('message', ({ seq, content }: Message) => console.log(seq, content))
createChatApi({ url: 'http://127.0.0.1:1' }).me().catch(error => console.log(error instanceof ChatApiError && error.code))
`

/** Returns the gzipped size of the bundle for browsers. Throws if the bundle contains a module of another package. */
const bundledSize = async (cwd, contents) => {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: cwd },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
    absWorkingDir: cwd
  })
  const foreign = Object.keys(metafile.inputs).filter(
    file => !/^(<stdin>|node_modules\/fastify-chat-client\/)/.test(file)
  )
  if (foreign.length > 0)
    throw new Error(`The bundle of the SDK contains modules of other packages: ${foreign.join(', ')}.`)
  return gzipSync(outputFiles[0].contents).length
}

/** Throws if the package depends on another one, is too big, doesn't compile, or doesn't run. */
export const tryClient = async ({ project, pack }) => {
  const cwd = project('app')
  const { installed, bytes } = install(cwd, pack('--workspace', 'client'))
  const sizes = {
    chat: await bundledSize(cwd, CONTENTS.chat),
    all: await bundledSize(cwd, CONTENTS.all)
  }
  process.stdout.write(
    `fastify-chat-client is ${installed} package of ${Math.round(bytes / 1024)} KiB; gzipped in a page, the chat has ${sizes.chat} bytes ` +
      `and everything ${sizes.all} bytes\n`
  )
  if (installed !== 1)
    throw new Error(`fastify-chat-client installs ${installed - 1} other packages. It must install none.`)
  for (const [part, size] of Object.entries(sizes)) {
    if (size >= MAX_BYTES[part])
      throw new Error(`The SDK (${part}) has ${size} bytes gzipped; the limit is ${MAX_BYTES[part]}.`)
  }

  writeFileSync(join(cwd, 'app.ts'), APP)
  const compile = options => {
    writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['app.ts'] }))
    run(cwd, join(root, 'node_modules/.bin/tsc'), '-p', '.')
  }
  compile({ ...STRICT, lib: ['es2022', 'dom'], types: [] })

  // Simulates Node 20, which has no global WebSocket.
  writeFileSync(join(cwd, 'start.js'), "delete globalThis.WebSocket\nawait import('./out/app.js')\n")
  const alone = runFile(cwd, 'start.js')
  for (const text of ['offline unsupported', 'Install `ws`', 'network_error']) expectIn(alone, text)
  install(cwd, `ws@${devDependencies['@types/ws'].split('.')[0]}`, `@types/node@${devDependencies['@types/node']}`)
  expectIn(runFile(cwd, 'start.js'), 'waiting unreachable')
  compile({ ...STRICT, types: ['node'] })
}
