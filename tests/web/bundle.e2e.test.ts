/** Tests what a browser downloads for the page. */
import { constants, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
// @ts-expect-error: the build script is JavaScript.
import { buildPageForRelease } from '../../tools/page.js'

test('is under 50 kB gzipped at first and under 70 kB as a whole, without the emojis, inline code and files of other origins', async () => {
  const { files }: { files: [string, Buffer][] } = await buildPageForRelease()
  // The service compresses with the same level (routes/app.ts).
  const size = (all: typeof files): number =>
    all.reduce((sum, [, bytes]) => sum + gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }).length, 0)
  const html = String(files.find(([name]) => name === 'index.html')?.[1])
  const script = files.find(([name]) => /^app\/index-.*\.js$/.test(name))
  // Finds the files that the entry imports statically.
  const imported = [...String(script?.[1]).matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)].map(
    ([, name]) => `app/${name}`
  )
  const first = files.filter(([name]) => name === 'index.html' || html.includes(name) || imported.includes(name))
  const later = files.filter(file => !first.includes(file))
  expect(later.map(([name]) => name.replace(/-.*/, '')).sort()).toEqual(['app/emojis', 'app/parts'])
  expect(size(first)).toBeLessThan(50_000)
  expect(size(files.filter(([name]) => !name.startsWith('app/emojis-')))).toBeLessThan(70_000)
  expect(html).not.toMatch(/<style|style=|<script(?![^>]* src=)|\son\w+=|https?:/)
})
