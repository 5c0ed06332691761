/** Tests the size of the SDK's bundle. */
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

const bundle = async (contents: string) => {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: `${import.meta.dirname}/../..` },
    absWorkingDir: `${import.meta.dirname}/../..`,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true
  })
  const inputs = Object.keys(metafile.inputs).filter(file => file !== '<stdin>')
  return { bytes: outputFiles[0]?.contents ?? new Uint8Array(), inputs }
}

test.for([
  ['the chat client and the HTTP API', '{ createChatApi, createChatClient }', 14_000],
  ['everything', '*', 18_500]
] as const)('has a small bundle with %s, which contains only the SDK’s own files', async ([, exports, limit]) => {
  const { bytes, inputs } = await bundle(`export ${exports} from './client/src/index.ts'`)
  expect(inputs.filter(file => !file.startsWith('client/src/'))).toEqual([])
  expect(inputs.length).toBeGreaterThan(10)
  expect(gzipSync(bytes).length).toBeLessThan(limit)
})
