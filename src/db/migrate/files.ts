/** Reads the migrations of this release from drizzle/. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { packageFile } from '../../lib/package.ts'

/**
 * A migration. `up` is the SQL that applies the migration, and `down` is the SQL that reverts it. Both are for the schema
 * `public`.
 */
export interface Migration {
  /** The name of the file without `.sql`, for example `0000_tables`. */
  readonly tag: string
  readonly up: string
  readonly down: string
  /** The SHA-256 of `up`. If it differs from the recorded hash, the file was changed after the migration was applied. */
  readonly hash: string
}

// Normalizes the line endings. They depend on the Git checkout, but the hash must be the same everywhere.
const read = (...path: string[]): string =>
  readFileSync(packageFile('drizzle', ...path), 'utf8').replaceAll('\r\n', '\n')

/** Returns the migrations of this release, in order. */
export const readMigrations = (): Migration[] => {
  const { entries } = JSON.parse(read('meta', '_journal.json')) as { entries: { tag: string }[] }
  return entries.map(({ tag }) => {
    const up = read(`${tag}.sql`)
    return { tag, up, down: read('down', `${tag}.sql`), hash: createHash('sha256').update(up).digest('hex') }
  })
}
