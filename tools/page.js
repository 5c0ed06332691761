// Builds the web client (src/web) with Vite and returns its files, with their names in dist/web. tools/build.js writes the
// files there. When the service runs from source, routes/app.ts builds the files on the first request, and again when a source
// file has changed.
import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { minify } from 'terser'
import { build } from 'vite'

const root = resolve(import.meta.dirname, '..')
const sources = ['src/web', 'client/src'].map(folder => join(root, folder))

/** Returns a text that changes when a source file changes. */
export const stampOfPage = () =>
  sources
    .flatMap(folder => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)))
    .map(file => `${file} ${statSync(file).mtimeMs}`)
    .join('\n')

// Replaces the function that Vite wraps around dynamic imports. Vite's function would load the style sheets and modules that an
// import needs. The page has only one style sheet, and the files that it loads later import only the first file.
const withoutPreload = {
  name: 'without-preload',
  enforce: 'pre',
  load: id => (id.endsWith('vite/preload-helper.js') ? 'export const __vitePreload = load => load()' : undefined)
}

const bundle = async () => {
  const { output } = await build({
    configFile: false,
    root: join(root, 'src/web'),
    // URLs are relative to the page, so that the page works below any prefix. No asset is inlined, because the page's CSP
    // forbids it.
    base: './',
    plugins: [withoutPreload],
    // Calls of `h` are smaller than those of the automatic runtime.
    oxc: { jsx: { runtime: 'classic', pragma: 'h', pragmaFrag: 'Fragment', development: false } },
    build: {
      write: false,
      target: 'es2022',
      // The first versions that support `light-dark()`. For older versions, every colour would be written twice.
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
      assetsDir: 'app',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      cssCodeSplit: false,
      rolldownOptions: {
        transform: { inject: { h: ['preact', 'h'], Fragment: ['preact', 'Fragment'] } }
      }
    },
    logLevel: 'warn'
  })
  return output
}

const filesOf = output =>
  output.map(file => [file.fileName, Buffer.from(file.type === 'chunk' ? file.code : file.source)])

/** Returns `[name, bytes]` of each file: `index.html`, and `app/…` with a hash of the content in every name. */
export const buildPage = async () => filesOf(await bundle())

// Minifies a file with Terser. Terser saves another 0.5 kB, but takes several times as long as the rest of the build.
const smaller = async ([name, bytes]) => {
  if (!name.endsWith('.js')) return [name, bytes]
  const { code } = await minify(String(bytes), {
    module: true,
    ecma: 2020,
    compress: { passes: 2, unsafe_arrows: true, keep_fargs: false }
  })
  return [name, Buffer.from(code)]
}

/** Returns the files of the page as they are shipped, and the paths of the modules whose code they contain. */
export const buildPageForRelease = async () => {
  const output = await bundle()
  const files = await Promise.all(filesOf(output).map(smaller))
  return { files, modules: output.flatMap(file => (file.type === 'chunk' ? file.moduleIds : [])) }
}
