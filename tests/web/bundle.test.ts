/** Tests what a browser downloads for the page. */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
// @ts-expect-error: the build script is JavaScript.
import { buildPage } from '../../tools/page.js'

test('is under 50 kB gzipped at first, without inline code or files of other origins; forms, dialogs and menus are loaded when they are opened', async () => {
  const files: [string, Buffer][] = await buildPage()
  const size = (all: typeof files): number => all.reduce((sum, [, bytes]) => sum + gzipSync(bytes).length, 0)
  const html = String(files.find(([name]) => name === 'index.html')?.[1])
  const script = files.find(([name]) => /^app\/index-.*\.js$/.test(name))
  // Finds the chunks that the entry imports statically. Dialogs and menus are imported dynamically.
  const imported = [...String(script?.[1]).matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)].map(
    ([, name]) => `app/${name}`
  )
  const first = files.filter(([name]) => name === 'index.html' || html.includes(name) || imported.includes(name))
  expect(size(first)).toBeLessThan(50_000)
  expect(size(files)).toBeLessThan(90_000)
  expect(first.map(([name]) => name).join()).not.toMatch(/account|admin|dialogs|forms|qr-code|menu|picker/)
  expect(files.map(([name]) => name).join()).toMatch(
    /app\/account-.*app\/admin-.*app\/dialogs-.*app\/forms-.*app\/menu-.*app\/picker-/
  )
  expect(html).not.toMatch(/<style|style=|<script(?![^>]* src=)|\son\w+=|https?:/)
})
