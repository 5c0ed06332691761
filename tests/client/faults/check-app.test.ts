/** Tests which logs `checkOutgoing` accepts for a message whose acknowledgement was lost before its author was banned. */
import { describe, expect, test } from 'vitest'
import { checkOutgoing } from './check-app.ts'

const AUTHOR = 1
const failed = (nonce: string) => ({
  type: 'message',
  nonce,
  content: 'a',
  status: 'failed',
  error: { code: 'banned' }
})
const erased = (seq: number) => ({ type: 'message', seq, user_id: AUTHOR, content: null, unavailable: 'erased' })

/** Checks one failed message against the messages of its author in the log. */
const check = (log: readonly object[]): string[] => {
  const track = { sent: ['n1'], outgoing: new Map([['n1', failed('n1')]]) }
  return checkOutgoing({ id: AUTHOR } as never, track as never, { log } as never)
}

describe('a message that failed because its author was banned', () => {
  test('may not be stored', () => expect(check([])).toEqual([]))
  test('may be stored', () =>
    expect(check([{ ...erased(1), content: 'a', unavailable: undefined, nonce: 'n1' }])).toEqual([]))
  test('may be stored and erased', () => expect(check([erased(1)])).toEqual([]))
  test('may not be stored twice', () =>
    expect(check([erased(1), erased(2)])).toEqual(['the log has 2 erased messages instead of 1']))
})
