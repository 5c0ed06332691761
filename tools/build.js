// Creates dist/: compiles the code, bundles the screen of the terminal client, copies the browser files of Swagger UI and
// Redoc, and builds the web client. Libraries that security audits check stay ordinary dependencies, because bundling would
// rename their classes and hide the libraries from audits.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve as absolute, basename } from 'node:path'
import { build } from 'esbuild'
import { componentsOf, LINE, noticesOf, packagesOf } from './notices.js'
import { buildPageForRelease } from './page.js'
import { prebuiltNotices } from './prebuilt.js'

const { resolve } = createRequire(import.meta.url)

rmSync('dist', { recursive: true, force: true })
// Compiles twice, because only the declarations keep their comments. Editors show these comments. In the code, comments would
// be a fifth of the size.
const compile = (...options) =>
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json', ...options], { stdio: 'inherit' })
compile('--declaration', 'false', '--removeComments')
compile('--emitDeclarationOnly', '--sourceMap', 'false')

// Replaces the screen of the terminal client, as `tsc` compiled it, with a bundle that contains Ink and React.
rmSync('dist/src/tui/screen', { recursive: true })
const { metafile } = await build({
  entryPoints: ['src/tui/screen/index.tsx'],
  outfile: 'dist/src/tui/screen/index.js',
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  define: { 'process.env.NODE_ENV': '"production"' },
  // CommonJS modules in the bundle (React) load Node's own modules with `require`.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  plugins: [
    {
      // Ink imports the React DevTools only with DEV=true. The DevTools would add `ws` and a package that is not installed.
      name: 'no-devtools',
      setup: ({ onLoad }) =>
        onLoad({ filter: /ink[\\/]build[\\/]devtools\.js$/ }, () => ({ contents: '', loader: 'js' }))
    }
  ],
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning'
})

mkdirSync('dist/assets', { recursive: true })
for (const asset of [
  'redoc/bundles/redoc.standalone.js',
  '@fastify/swagger-ui/static/swagger-ui-bundle.js',
  '@fastify/swagger-ui/static/swagger-ui.css'
]) {
  copyFileSync(resolve(asset), `dist/assets/${basename(asset)}`)
}

mkdirSync('dist/web/app', { recursive: true })
const { files, modules } = await buildPageForRelease()
for (const [name, bytes] of files) writeFileSync(`dist/web/${name}`, bytes)

// Writes the names and the license texts of all packages whose code the bundles contain. Adds the license of zxcvbn, because
// src/accounts/passwords/common-words.ts contains passwords from zxcvbn.
const terminal = Object.values(metafile.outputs)
  .flatMap(({ inputs }) => Object.keys(inputs))
  .map(file => absolute(file))
const bundled = packagesOf([...terminal, ...modules, resolve('zxcvbn')])
writeFileSync('dist/bundled.json', JSON.stringify(componentsOf(bundled)))
writeFileSync(
  'dist/THIRD_PARTY_NOTICES',
  [
    'The files of dist/ contain code of the packages below, each with its license.',
    ...noticesOf(bundled),
    ...prebuiltNotices()
  ].join(LINE)
)
