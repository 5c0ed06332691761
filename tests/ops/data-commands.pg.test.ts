/**
 * Runs the rotation of the key and the deletion of expired messages while a user edits and deletes messages. Afterwards, each
 * message must be in the state in which its author left it.
 */
import { expect, test } from 'vitest'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { reencryptOnce } from '../../src/db/reencrypt.ts'
import { countTokensByKey } from '../../src/db/table-pages.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { createPace } from '../../src/lib/pace.ts'
import { createMessageRetention } from '../../src/ops/message-retention.ts'
import { silentLog } from '../support/memory-chat.ts'
import fc from '../support/properties.ts'
import { startChat } from '../support/start-chat.ts'

const MESSAGES = 120
const EXPIRED = 20

const Change = fc.record({
  kind: fc.constantFrom('edit', 'delete', 'react' as const),
  target: fc.integer({ min: EXPIRED + 1, max: MESSAGES })
})

test('edits, deletions and reactions during a rotation and a deletion of expired messages stay', async () => {
  const [OLD, NEW] = [generateKey(), generateKey()]
  const settings = { encryptionKey: OLD, encryptionKeyPrevious: [NEW], messageRateLimit: 0 }
  const chat = await startChat({ settings, joinsPosters: false })
  const { database } = chat
  const { client, schema } = database
  const john = await chat.register('john')
  const writer = await chat.join(john)
  const send = async (frame: object) => {
    writer.send({ ...frame, ref: 'r' })
    for (;;) {
      const frame = await writer.next()
      if (frame.ref === 'r') return frame
    }
  }
  for (let n = 1; n <= MESSAGES; n++) await send({ type: 'message', content: `text ${n}` })
  await client.query(`update "${schema}".messages set created_at = now() - interval '40 days' where seq <= ${EXPIRED}`)
  const texts = new Map<number, string | null>()
  for (let seq = EXPIRED + 1; seq <= MESSAGES; seq++) texts.set(seq, `text ${seq}`)

  const [changes = []] = fc.sample(fc.array(Change, { minLength: 150, maxLength: 150 }), 1)
  let isOver = false
  const edit = async () => {
    for (const [n, { kind, target }] of changes.entries()) {
      const command = kind === 'edit' ? { content: `edit ${n}` } : kind === 'react' ? { key: 'a' } : {}
      const response = await send({ type: kind, target, ...command })
      if (response.type === 'error') expect(['already_deleted', 'busy']).toContain(response.code)
      else if (kind === 'edit') texts.set(target, `edit ${n}`)
      else if (kind === 'delete') texts.set(target, null)
    }
    isOver = true
  }
  const keyring = createKeyring({ current: NEW, previous: [OLD], now: Date.now })
  const pass = () => reencryptOnce({ client, schema, keyring, pace: createPace(systemClock, { maxRows: 10 }) })
  const rotate = async () => {
    while (!isOver) await pass()
  }
  const { messageRetention: repository } = database
  const retention = createMessageRetention({ repository, days: 30, clock: systemClock, log: silentLog })
  await Promise.all([edit(), rotate(), retention.run()])
  while ((await pass()).rows > 0);

  expect(retention.deletedEntries).toBe(EXPIRED)
  expect(new Set((await countTokensByKey(database)).map(({ keyId }) => keyId))).toEqual(new Set([keyring.currentKeyId]))
  const rotated = await startChat({ database, settings: { encryptionKey: NEW } })
  const path = '/api/chat/rooms/general/messages?limit=1000&view=messages&after=0'
  const { body } = await rotated.call('GET', path, { token: john.token })
  const shown = body.messages.map(({ seq, content }: { seq: number; content: string | null }) => [seq, content])
  expect(shown).toEqual([...texts])
  expect(body.oldest).toBe(EXPIRED + 1)
})
