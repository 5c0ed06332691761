/**
 * Runs the retention of messages once, after the standard input has ended. message-retention.pg.e2e.test.ts kills this process.
 * tests/bench/data-commands.ts ends the input only when this process has started, so that it measures only the retention.
 */
import { text } from 'node:stream/consumers'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createMessageRetention } from '../../src/ops/message-retention.ts'

const [url = '', schema = '', days = ''] = process.argv.slice(2)
const client = await openClient({ url, poolMax: 2 })
const failed = (fields: unknown): void => {
  throw new Error('The retention failed.', { cause: fields })
}
const log = { debug() {}, info() {}, warn: failed, error: failed }
const retention = createMessageRetention({
  repository: createDatabase(client, schema).messageRetention,
  days: Number(days),
  clock: systemClock,
  log
})
process.stdout.write('ready\n')
await text(process.stdin)
const startedAt = systemClock.monotonic()
await retention.run()
process.stdout.write(JSON.stringify({ deleted: retention.deletedEntries, ms: systemClock.monotonic() - startedAt }))
await client.close()
