import { describe, expect, test } from 'vitest'
import { extractToken, selectSubprotocol } from '../../../src/accounts/tokens/extract-token.ts'

describe('a token', () => {
  test.for([
    ['the header', { authorization: 'Bearer a' }, 'a'],
    ['the header in any case', { authorization: 'bEARER  a ' }, 'a'],
    ['the subprotocols alone', { subprotocols: 'bearer, a' }, 'a'],
    ['the subprotocols after chat.v1', { subprotocols: 'chat.v1, bearer, a' }, 'a'],
    ['the query', { queryToken: 'a' }, 'a'],
    ['the header first', { authorization: 'Bearer a', subprotocols: 'bearer, b', queryToken: 'c' }, 'a'],
    ['the subprotocols second', { subprotocols: 'bearer,b', queryToken: 'c' }, 'b'],
    ['the query when the header has another scheme', { authorization: 'Basic x', queryToken: 'c' }, 'c'],
    ['nowhere', {}, undefined],
    ['nowhere in an empty header', { authorization: 'Bearer ' }, undefined],
    ['nowhere when only the scheme is offered', { subprotocols: 'bearer' }, undefined],
    ['nowhere in an empty query', { queryToken: '' }, undefined]
  ] as const)('is taken from %s', ([, places, token]) => {
    expect(extractToken(places)).toBe(token)
  })
})

test.for([
  [['chat.v1', 'bearer', 'token'], 'chat.v1'],
  [['bearer', 'token'], 'bearer'],
  [['other'], false]
] as const)('of the offered subprotocols %j, it selects %s', ([offered, selected]) => {
  expect(selectSubprotocol(new Set(offered))).toBe(selected)
})
