// Builds the web client (src/web) with Vite and returns its files, with their names in dist/web. tools/build.js writes the
// files there. When the service runs from source, routes/app.ts builds the files on the first request, and again when a source
// file has changed.
import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'vite'

const root = resolve(import.meta.dirname, '..')
const sources = ['src/web', 'client/src'].map(folder => join(root, folder))

/** Returns a text that changes when a source file changes. */
export const stampOfPage = () =>
  sources
    .flatMap(folder => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)))
    .map(file => `${file} ${statSync(file).mtimeMs}`)
    .join('\n')

// Puts the login forms and the small parts that dialogs share into one file, and the small popups of messages into another,
// because many small files compress worse.
const codeSplitting = {
  includeDependenciesRecursively: false,
  groups: [
    // What the page and its dialogs share.
    { name: 'shared', test: /node_modules\/preact\/|client\/src\/errors\.ts$|src\/web\/keys\.ts$/ },
    {
      name: 'forms',
      test: /src\/web\/(login\/.*|account\/(device|section)|account-api|check-box|field|pages|panel|proof|refusal)\.tsx?$|client\/src\/(account|rules)\.ts$/
    },
    { name: 'menu', test: /src\/web\/actions\/(controls|menu|menu-box|popup|reactors|room-menu|toolbar)\.tsx$/ }
  ]
}

const bundle = async () => {
  const { output } = await build({
    configFile: false,
    root: join(root, 'src/web'),
    // URLs are relative to the page, so that the page works below any prefix. No asset is inlined, because the page's CSP
    // forbids it.
    base: './',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact', development: false } },
    build: {
      write: false,
      target: 'es2022',
      assetsDir: 'app',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { output: { codeSplitting } }
    },
    logLevel: 'warn'
  })
  return output
}

const filesOf = output =>
  output.map(file => [file.fileName, Buffer.from(file.type === 'chunk' ? file.code : file.source)])

/** Returns `[name, bytes]` of each file: `index.html`, and `app/…` with a hash of the content in every name. */
export const buildPage = async () => filesOf(await bundle())

/** Returns the files of the page, and the paths of the modules whose code they contain. */
export const buildPageWithModules = async () => {
  const output = await bundle()
  return { files: filesOf(output), modules: output.flatMap(file => (file.type === 'chunk' ? file.moduleIds : [])) }
}
