import { describe, expect, test } from 'vitest'
import { createFrameDecoder, maxFrameBytes } from '../../../src/chat/connections/decode.ts'
import { createKinds } from '../../../src/chat/kinds/index.ts'
import { message, messageText, metaText } from '../../../src/chat/kinds/message.ts'
import fc from '../../support/properties.ts'

const decodeFrame = createFrameDecoder(createKinds())
describe('decoding a frame', () => {
  test.for([
    ['{"type":"message","content":"Hello, world!"}'],
    ['{"type":"message","content":"x","room":"general","nonce":"n 1~","meta":{"a":[1]},"ref":"r","unknown":1}'],
    ['{"type":"ping"}'],
    ['{"type":"auth","token":"t"}']
  ])('accepts %s', ([text]) => {
    const frame = JSON.parse(text as string)
    const isMessage = frame.type === 'message'
    expect(decodeFrame(text as string)).toEqual(
      isMessage ? { kind: 'command', of: message, frame } : { kind: 'frame', frame }
    )
  })

  test.for([
    ['not json', 'JSON object'],
    ['[]', 'JSON object'],
    ['null', 'JSON object'],
    ['{}', '"type"'],
    ['{"type":1}', '"type"'],
    ['{"type":"message"}', 'Content is missing.'],
    ['{"type":"message","content":1}', 'Content must be a string.'],
    ['{"type":"message","content":"x","room":"No"}', 'Room must be 1-64 characters'],
    ['{"type":"message","content":"x","nonce":"a\\u0000b"}', 'Nonce must be 1-64 printable'],
    ['{"type":"message","content":"x","meta":[]}', 'Meta must be an object.']
  ])('rejects %s with advice', ([text, advice]) => {
    const decoded = decodeFrame(text as string)
    expect(decoded).toMatchObject({ kind: 'refused', error: { code: 'invalid_frame' } })
    expect(decoded.kind === 'refused' && decoded.error.detail).toContain(advice)
  })

  test.for(['{"type":"nope","ref":"r1"}', '{"type":"","ref":"r1"}', '{"type":"__proto__","ref":"r1"}'])(
    'rejects the unknown type of %s with the code unknown_frame',
    text => {
      expect(decodeFrame(text)).toMatchObject({
        kind: 'refused',
        error: { code: 'unknown_frame', detail: expect.stringContaining('"message"') },
        marks: { ref: 'r1' }
      })
    }
  )

  test('ignores types with a dot, because they belong to the host application', () => {
    expect(decodeFrame('{"type":"app.poke"}')).toEqual({ kind: 'ignored' })
  })

  test('returns the ref and the nonce of a rejected frame', () => {
    expect(decodeFrame('{"type":"message","ref":"r1","nonce":"n1"}')).toMatchObject({
      kind: 'refused',
      marks: { ref: 'r1', nonce: 'n1' }
    })
  })

  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map(json => `{"type":"message","content":${json}}`)
        ),
        text => {
          expect(['command', 'frame', 'ignored', 'refused']).toContain(decodeFrame(text).kind)
        }
      )
    )
  })

  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
  const withMeta = (meta: string, more = '') => `{"type":"message","content":"x","meta":${meta}${more}}`

  test('accepts 32 levels of objects and arrays, and rejects more', () => {
    expect(decodeFrame(withMeta(nested(31)))).toMatchObject({ kind: 'command' })
    for (const meta of [nested(32), nested(100_000), `{"a":${'['.repeat(100_000)}`]) {
      expect(decodeFrame(withMeta(meta))).toMatchObject({
        kind: 'refused',
        error: { code: 'invalid_frame', detail: expect.stringContaining('at most 32 levels of objects and arrays') }
      })
    }
  })

  test('accepts a meta of 2 KiB with the maximum number of values, and 500 unknown members', () => {
    const meta = `{"a":[${'[],'.repeat(679)}[]]}`
    expect(meta.length).toBeLessThanOrEqual(2048)
    const unknown = Array.from({ length: 500 }, (_, at) => `,"x${at}":1`).join('')
    expect(decodeFrame(withMeta(meta, unknown))).toMatchObject({ kind: 'command' })
    expect(metaText(JSON.parse(meta))).toBe(meta)
  })

  test.for([
    ['arrays', '[],'],
    ['objects', '{"a":1},'],
    ['numbers', '1e999,'],
    ['strings', '"",']
  ])('rejects a frame with too many %s', ([, item = '']) => {
    expect(decodeFrame(withMeta(`{"a":[${item.repeat(2100)}1]}`))).toMatchObject({
      kind: 'refused',
      error: { code: 'invalid_frame', detail: expect.stringContaining('at most 2048 members, items') }
    })
  })

  test('returns the ref, nonce and room of a frame that is too deep or has too many values', () => {
    const marks = { ref: 'r1', nonce: 'n1', room: 'general' }
    for (const meta of [nested(1000), `{"a":[${'[],'.repeat(3000)}1]}`]) {
      expect(decodeFrame(withMeta(meta, `,${JSON.stringify(marks).slice(1, -1)}`))).toMatchObject({
        kind: 'refused',
        marks
      })
    }
  })
})

test('a meta of the host application that cannot be serialized as JSON is rejected', () => {
  let meta: Record<string, unknown> = {}
  for (let level = 0; level < 100_000; level++) meta = { a: meta }
  expect(() => metaText(meta)).toThrowError(/2048 bytes/)
})

describe('a message’s text', () => {
  test('is counted in characters, not in UTF-16 units', () => {
    expect(messageText('😀'.repeat(10), 10)).toBe('😀'.repeat(10))
    expect(() => messageText('😀'.repeat(11), 10)).toThrowError('11 characters. Send at most 10')
  })

  test.for([[''], ['   '], ['\n\t'], ['\u200b\u2060'], ['\u2800'], ['\u202e'], ['\u0000']])(
    'must not be empty: %j',
    ([text]) => {
      expect(() => messageText(text as string, 10)).toThrowError('empty')
    }
  )

  test('has its lone surrogates replaced with U+FFFD, as in UTF-8', () => {
    expect(messageText('a\ud800b', 10)).toBe('a\ufffdb')
  })

  test('fits a frame even if every character is escaped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_536 }), length => {
        const escaped = `{"type":"message","content":"${'\\ud83d\\ude00'.repeat(Math.min(length, 100))}"}`
        expect(escaped.length).toBeLessThanOrEqual(maxFrameBytes(Math.min(length, 100)))
      })
    )
  })
})

test('a meta of up to 2 KiB is stored unchanged, and a larger one is rejected', () => {
  const meta = { a: 'x'.repeat(2048 - 8) }
  expect(JSON.parse(metaText(meta) as string)).toEqual(meta)
  expect(() => metaText({ a: 'x'.repeat(2048) })).toThrowError('2048 bytes')
  expect(metaText(undefined)).toBeNull()
})
