/** Tests the size of the SDK's bundle, and that the SDK's copies of the service's catalogs are complete. */
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { closeActionOf, FRAME_TOO_BIG } from '../../client/src/close-action.ts'
import { TEMPORARY_ERRORS } from '../../client/src/errors.ts'
import { CLOSE } from '../../src/protocol/close-codes.ts'
import { ERRORS } from '../../src/protocol/errors.ts'

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

test('handles every close code as the catalog advises', () => {
  const actions = Object.fromEntries(Object.entries(CLOSE).map(([name, { code }]) => [name, closeActionOf(code).type]))
  expect(actions).toEqual({
    malformedFrame: 'reconnect',
    invalidText: 'reconnect',
    tooManyFragments: 'reconnect',
    frameTooBig: 'reconnect',
    internalError: 'reconnect',
    restart: 'reconnect',
    tryLater: 'reconnect',
    tooSlow: 'reconnect',
    tooManyConnections: 'reconnect',
    flooding: 'reconnect',
    protocolError: 'stop',
    tokenExpired: 'renew',
    notAllowed: 'stop'
  })
  expect(FRAME_TOO_BIG).toBe(CLOSE.frameTooBig.code)
})

test('repeats a frame for exactly the errors that the catalog calls temporary', () => {
  const temporary = Object.entries(ERRORS).filter(([, { advice }]) =>
    /Try again in a moment|Wait for the number of seconds/.test(advice)
  )
  expect(temporary.map(([code]) => code).sort()).toEqual([...TEMPORARY_ERRORS].sort())
})
