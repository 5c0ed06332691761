// Builds dist/ anew: compiles, and brings along what users need but must not install. Drizzle is bundled down to the parts in
// use (a fiftieth of the package), what browsers get of Swagger UI and Redoc is copied, and the page is built.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { build } from 'esbuild'
import { buildPage } from './page.js'

const { resolve } = createRequire(import.meta.url)

rmSync('dist', { recursive: true, force: true })
execFileSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' })

await build({
  entryPoints: ['src/db/drizzle.ts', 'src/db/drizzle-pglite.ts'],
  outdir: 'dist/src/db',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['postgres', '@electric-sql/pglite'],
  legalComments: 'inline',
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
for (const [name, bytes] of await buildPage()) writeFileSync(`dist/web/${name}`, bytes)
