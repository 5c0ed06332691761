/** Finds the version and the files of this package. Works in the source and in the build. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// A package can resolve its own name through `exports`, so the same line works in src/ and in dist/src/.
const require = createRequire(import.meta.url)
const manifest = require.resolve('fastify-chat/package.json')

/** The version in package.json. */
export const version: string = require(manifest).version

/** Returns the absolute path of a file of this package, for example `packageFile('drizzle')`. */
export const packageFile = (...parts: string[]): string => join(dirname(manifest), ...parts)
