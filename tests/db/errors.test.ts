import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { codesOf, type DatabaseFault, faultOf, isUnavailable, mayRetry } from '../../src/db/client/errors.ts'
import { TimeoutError } from '../../src/lib/timeout.ts'

const coded = (code: string, cause?: unknown): Error => Object.assign(new Error('message', { cause }), { code })

const FAULTS: Readonly<Record<DatabaseFault, readonly string[]>> = {
  retry: ['08006', '08P01', '25P03', '40001', '40P01', '53300', '57014', '57P01', '57P03', 'ECONNREFUSED', 'ENOENT'],
  locked: ['55P03'],
  'replace-connection': ['25006', '25P02', '26000', '42P05'],
  refuse: ['28P01', '53100', '53200', '53400', '55000', '57P04', '58030', 'CERT_HAS_EXPIRED'],
  divide: [
    '22021',
    '22P05',
    '23505',
    '23514',
    '54000',
    'P0001',
    'P0002',
    'P0004',
    'XX001',
    'MY001',
    '99ABC',
    'ERR_INVALID_ARG_TYPE'
  ],
  report: ['42501', '42P01', '42601', '0A000', 'XX000']
}

describe('the classification of database errors', () => {
  test.each(Object.entries(FAULTS))('it classifies errors as %s', (fault, codes) => {
    expect(codes.map(code => [code, faultOf(coded(code))])).toEqual(codes.map(code => [code, fault]))
  })

  test('it classifies an error by its causes, and by the errors of an AggregateError', () => {
    expect(faultOf(new Error('Failed query', { cause: coded('25006') }))).toBe('replace-connection')
    expect(faultOf(new Error('a', { cause: new Error('b', { cause: coded('53100') }) }))).toBe('refuse')
    expect(faultOf(new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]))).toBe('retry')
    // The outer error has a code of another library. The error code of the database in `error.cause` must still be found.
    expect(faultOf(coded('FST_ERR_SOMETHING', coded('57P01')))).toBe('retry')
  })

  test('it accepts circular causes, and values that are not errors', () => {
    const circle = new Error('circle')
    circle.cause = circle
    expect(codesOf(circle)).toEqual([])
    for (const thrown of [circle, 'text', undefined, null, 57, { code: '57P01' }])
      expect(faultOf(thrown)).toBe('divide')
  })

  test('it distinguishes a missing socket from a missing file', async () => {
    const socket = await new Promise(resolve => connect('/nowhere/.s.PGSQL.5432').once('error', resolve))
    const file = await readFile('/nowhere/file').catch(error => error)
    expect([faultOf(socket), faultOf(file)]).toEqual(['retry', 'divide'])
  })

  test('it classifies a timeout of the database as retry', () => {
    expect(faultOf(new TimeoutError('the database', 1))).toBe('retry')
  })

  test('it distinguishes statements that may be retried from statements that may not', () => {
    const codes = ['57P01', '55P03', '25006', '53100', '22021', '42P01']
    expect(codes.filter(code => mayRetry(coded(code)))).toEqual(['57P01', '55P03', '25006'])
    expect(codes.filter(code => isUnavailable(coded(code)))).toEqual(['57P01', '55P03', '25006', '53100'])
  })
})
