/** Tests what a browser downloads for the page. */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
// @ts-expect-error: the build script is JavaScript.
import { buildPage } from '../../tools/page.js'

test('is under 32 kB gzipped in total, without inline code or files of other origins', async () => {
  const files: [string, Buffer][] = await buildPage()
  const names = files.map(([name]) => name.replace(/-[\w-]{8}\./, '.')).sort()
  expect(names).toEqual(['app/icon.svg', 'app/index.css', 'app/index.js', 'index.html'])
  expect(files.reduce((sum, [, bytes]) => sum + gzipSync(bytes).length, 0)).toBeLessThan(32_000)
  const html = String(files.find(([name]) => name === 'index.html')?.[1])
  expect(html).not.toMatch(/<style|style=|<script(?![^>]* src=)|\son\w+=|https?:/)
})
