/** Tests that no stored value of any kind of entry keeps the other entries of a page from being read. */
import { expect, test } from 'vitest'
import { BUILT_IN, createKinds } from '../../../src/chat/kinds/index.ts'
import { decryptEntry } from '../../../src/chat/log/codec.ts'
import { createKeyring } from '../../../src/crypto/keyring.ts'
import type { StoredEntry } from '../../../src/db/repositories/messages.ts'
import fc from '../../support/properties.ts'
import { ENCRYPTION_KEY } from '../../support/settings.ts'

const keyring = createKeyring({ current: ENCRYPTION_KEY, now: () => 0 })
const kinds = createKinds()
const token = (text: string): string => keyring.encrypt(text).token

/** Numbers as PostgreSQL stores them in JSON, with those that are no valid times. */
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(1e300, -1e300, 8.64e15 + 1, 'Infinity', '-Infinity'))
const value = fc.oneof({ weight: 2, arbitrary: number }, fc.jsonValue({ maxDepth: 2 }))
const FIELDS = [
  'subject',
  'subjects',
  'event',
  'role',
  'until',
  'mentions',
  'key',
  'action',
  'count',
  'title',
  'deleted'
]
const detail = fc.dictionary(fc.constantFrom(...FIELDS), value).map(fields => JSON.stringify(fields))
/** Of the state of a message, only `reactions` is JSON in the database. */
const state = fc.record({
  changedSeq: fc.integer(),
  editedAt: fc.option(number),
  mentions: fc.option(fc.array(fc.integer())),
  reactions: value,
  pinSeq: fc.option(fc.nat())
})

test('an entry with any stored values can be shown', () => {
  fc.assert(
    fc.property(
      fc.record({
        kind: fc.constantFrom('unknown', ...BUILT_IN.map(({ kind }) => kind)),
        createdAt: fc.oneof(fc.double(), fc.constant(0)),
        targetSeq: fc.option(fc.nat()),
        content: fc.constantFrom(null, token('text'), 'no token'),
        meta: fc.constantFrom(null, token('{"reason":"because"}'), token('[]')),
        detail: fc.option(fc.oneof(detail, fc.json())),
        state: fc.option(state)
      }),
      values => {
        const stored = { id: 1, roomId: 1, seq: 1, userId: 1, username: 'ada', keyId: null, writeId: 'w', ...values }
        const entry = decryptEntry(stored as unknown as StoredEntry, 'general', kinds, keyring)
        const frame = JSON.parse(entry.frame.subarray(entry.head).toString())
        for (const time of [frame.timestamp, frame.edited_at, frame.until])
          if (time !== undefined) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/)
      }
    ),
    { numRuns: 1000 }
  )
})
