import { expect, test } from 'vitest'
import { encode, sharedChunkOf } from '../../../src/chat/connections/encoded.ts'

test('the same frames share a chunk, and other frames do not', () => {
  const frames = ['one', 'two', 'three'].map(text => encode(JSON.stringify(text)))
  const [one, two, three] = frames as [(typeof frames)[0], (typeof frames)[0], (typeof frames)[0]]
  const chunk = sharedChunkOf([one, two])
  expect(chunk.bytes).toEqual(Buffer.concat([one.frame, two.frame]))
  expect(sharedChunkOf([one, two])).toBe(chunk)
  const longer = sharedChunkOf([one, two, three])
  expect(longer.bytes).toEqual(Buffer.concat([one.frame, two.frame, three.frame]))
  expect(sharedChunkOf([one]).bytes).toEqual(one.frame)
  // An equal frame of another entry is another frame, because its entry may have been changed.
  const changed = encode('"2nd"')
  expect(sharedChunkOf([one, changed]).bytes).toEqual(Buffer.concat([one.frame, changed.frame]))
  expect(sharedChunkOf([])).toEqual({ frames: [], bytes: Buffer.alloc(0) })
})
