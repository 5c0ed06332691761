import { describe, expect, test } from 'vitest'
import { createRepeats, withoutRepeats } from '../../src/lib/repeated-log.ts'
import { fakeClock } from '../support/clock.ts'

const start = () => {
  const lines: [level: string, fields: Record<string, unknown>, message: string][] = []
  const at = (level: string) => (fields: object, message: string) => lines.push([level, { ...fields }, message])
  const clock = fakeClock()
  const repeats = createRepeats(clock, 1000)
  const target = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const log = repeats(target)
  return { lines, clock, log, other: repeats(target), logOf: (id: string) => repeats(target, id) }
}

const coded = (code: string): Error => Object.assign(new Error(code), { code })

describe('a log without repeats', () => {
  test('writes the first occurrence of a line at once, and one line per interval with a count', () => {
    const { lines, clock, log } = start()
    for (let at = 1; at <= 240; at++) log.error({ at }, 'an append failed')
    expect(lines).toEqual([['error', { at: 1 }, 'an append failed']])
    clock.advance(1000)
    expect(lines[1]).toEqual(['error', { at: 240, count: 239 }, 'an append failed'])
    log.error({ at: 241 }, 'an append failed')
    clock.advance(1000)
    expect(lines[2]).toEqual(['error', { at: 241, count: 1 }, 'an append failed'])
    expect(lines).toHaveLength(3)
  })

  test('names the requests whose lines were merged, each once and at most 100', () => {
    const { lines, clock, logOf } = start()
    for (const id of ['a', 'b', 'b', 'c']) logOf(id).warn({}, 'failed')
    clock.advance(1000)
    for (let at = 0; at < 240; at++) logOf(`r${at}`).warn({}, 'failed')
    clock.advance(1000)
    const [first, second, third] = lines.map(([, fields]) => fields)
    expect([first, second]).toEqual([{}, { count: 3, requests: ['b', 'c'] }])
    expect(third).toMatchObject({ count: 240 })
    expect(third?.requests).toEqual(Array.from({ length: 100 }, (_, at) => `r${at}`))
  })

  test('writes a line at once again after an interval without it', () => {
    const { lines, clock, log } = start()
    log.warn({}, 'once')
    clock.advance(2000)
    log.warn({}, 'once')
    expect(lines).toEqual([
      ['warn', {}, 'once'],
      ['warn', {}, 'once']
    ])
  })

  test('does not merge lines with different levels, messages or errors', () => {
    const { lines, log } = start()
    const codes = ['53100', '25006', '53100']
    for (const code of codes) log.error({ err: coded(code) }, 'failed')
    for (const code of codes) log.error({ err: new Error('Failed query', { cause: coded(code) }) }, 'wrapped')
    log.warn({ err: coded('53100') }, 'failed')
    expect(lines.map(([level, , message]) => `${level} ${message}`)).toEqual([
      'error failed',
      'error failed',
      'error wrapped',
      'error wrapped',
      'warn failed'
    ])
  })

  test('merges lines across all logs of the same owner', () => {
    const { lines, log, other } = start()
    log.error({ at: 1 }, 'failed')
    other.error({ at: 2 }, 'failed')
    expect(lines).toEqual([['error', { at: 1 }, 'failed']])
    const owner = {}
    withoutRepeats(owner, log).error({}, 'owned')
    withoutRepeats(owner, other).error({}, 'owned')
    withoutRepeats({}, other).error({}, 'failed otherwise')
    expect(lines).toHaveLength(3)
  })

  test('handles errors that are causes of each other', () => {
    const { lines, log } = start()
    const [one, other] = [new Error('one'), new Error('other')]
    one.cause = other
    other.cause = one
    log.error({ err: one }, 'failed')
    expect(lines).toHaveLength(1)
  })

  test('tracks a limited number of different lines', () => {
    const { lines, clock, log } = start()
    for (let at = 0; at < 2000; at++) log.warn({}, `message ${at}`)
    expect(lines).toHaveLength(2000)
    for (let at = 0; at < 2000; at++) log.warn({}, `message ${at}`)
    clock.advance(1000)
    expect(lines).toHaveLength(4000)
  })
})
