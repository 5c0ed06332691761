/** Tests which parts of an error and of a text may be logged, regardless of the library that created the error. */

import { DrizzleQueryError } from 'drizzle-orm'
import Fastify from 'fastify'
import postgres from 'postgres'
import { describe, expect, test } from 'vitest'
import { logMethod, redactingLogger, serializers } from '../../src/lib/logging.ts'
import { describeError, redactArguments, redactError, redactText, withholdMessage } from '../../src/lib/redact.ts'
import { expectLinear } from '../support/growth.ts'

const HASH = `$2b$12$${'a'.repeat(53)}`
const SECRETS = /\$2b\$|bob|whispered|opensesame/

/** Returns a unique violation as PostgreSQL reports it, with the row in its detail. */
const violation = () =>
  Object.assign(new Error('duplicate key value violates unique constraint "users_username_key"'), {
    name: 'PostgresError',
    severity: 'ERROR',
    code: '23505',
    detail: `Key (username)=(bob) already exists. ${HASH}`,
    where: `unnamed portal parameter $1 = 'bob'`,
    table_name: 'users',
    constraint_name: 'users_username_key',
    routine: '_bt_check_unique'
  })

const wrapped = () => new DrizzleQueryError('insert into "users" values ($1, $2)', ['bob', HASH], violation())

/** An error of Drizzle after a bundler has renamed its class. The properties are the same. */
class _a extends Error {
  readonly query = 'insert into "users" values ($1, $2)'
  readonly params = ['bob', HASH]
  constructor(cause?: unknown) {
    super(`Failed query: insert into "users"\nparams: bob,${HASH}\n    at whispered (bob.ts:1:1)`, { cause })
  }
}

const everything = (value: unknown): string => JSON.stringify(value)

describe('a database error', () => {
  test.each([
    ['of the driver', violation()],
    ['wrapped by Drizzle', wrapped()],
    ['wrapped by a class that a bundler renamed', new _a(violation())],
    ['wrapped without its properties', new Error(`insert ${HASH} - bob`, { cause: violation() })],
    ['wrapped several times', new Error('bob', { cause: new Error('bob', { cause: wrapped() }) })]
  ])('keeps the code and the names of a database error %s, but no value of the row', (_, error) => {
    const description = describeError(error)
    expect(description).toMatchObject({
      code: '23505',
      severity: 'ERROR',
      table: 'users',
      constraint: 'users_username_key',
      routine: '_bt_check_unique'
    })
    expect(everything(description)).not.toMatch(SECRETS)
    expect(description.stack).toMatch(/redact\.test\.ts/)
  })

  test('removes the message of a database error without a cause', () => {
    expect(everything(describeError(new _a()))).not.toMatch(SECRETS)
  })

  test('keeps the message of a database error that contains only names of objects', () => {
    const denied = Object.assign(new Error('permission denied for table users'), { code: '42501', severity: 'ERROR' })
    expect(describeError(new _a(denied))).toMatchObject({ code: '42501', message: 'permission denied for table users' })
  })

  test.each([
    ['22P02', 'invalid input syntax for type integer: "whispered"'],
    ['42601', 'syntax error at or near "whispered"'],
    ['22021', 'invalid byte sequence for encoding "UTF8": whispered'],
    ['P0001', 'a trigger raised whispered']
  ])('removes the message of a database error with the code %s', (code, message) => {
    const error = Object.assign(new Error(message), { code, severity: 'ERROR' })
    expect(everything(describeError(error))).not.toMatch(SECRETS)
  })

  test('removes the message that a trigger raised with another code', () => {
    const raised = Object.assign(new Error('whispered'), {
      code: '42501',
      severity: 'ERROR',
      routine: 'exec_stmt_raise'
    })
    expect(everything(describeError(raised))).not.toMatch(SECRETS)
  })

  test('keeps the message of a network error, although the driver attached the query', async () => {
    const sql = postgres('postgres://bob:opensesame@127.0.0.1:1/x', { connect_timeout: 1 })
    const error = await sql`insert into users values (${'bob'}, ${HASH})`.catch(thrown => thrown)
    await sql.end({ timeout: 1 })
    const description = describeError(error)
    expect(description).toMatchObject({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:1' })
    expect(everything(description)).not.toMatch(SECRETS)
  })
})

describe('any other error', () => {
  const thrownBy = (work: () => unknown): unknown => {
    try {
      return work()
    } catch (error) {
      return error
    }
  }

  test.each([
    ['JSON.parse', () => JSON.parse('whispered')],
    [
      'an argument check of Node',
      () => Buffer.from({ toString: () => 'x' } as unknown as string, 'whispered' as 'hex')
    ],
    ['an operator', () => 'x' in ('whispered' as unknown as object)],
    ['an assignment', () => Object.assign('whispered', { 0: 'x' })]
  ])('does not quote the input in an error of %s', (_, work) => {
    expect(everything(describeError(thrownBy(work)))).not.toMatch(SECRETS)
  })

  test('keeps the message, type, code and stack of any other error', () => {
    const error = Object.assign(new TypeError('x is not a function'), { code: 'E_X', hidden: 'bob' })
    expect(describeError(error)).toEqual({
      type: 'TypeError',
      code: 'E_X',
      message: 'x is not a function',
      stack: error.stack
    })
  })

  test('removes the message of a cause, unless the cause is a network error', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' })
    expect(everything(describeError(new Error('failed', { cause: new Error('whispered') })))).not.toMatch(SECRETS)
    expect(describeError(new Error('failed', { cause: refused })).cause).toMatchObject({ message: refused.message })
  })

  test('describes each error of an AggregateError', () => {
    const { errors } = describeError(new AggregateError([violation(), new Error('other')], 'all failed'))
    expect(errors).toMatchObject([{ code: '23505' }, { message: 'other' }])
    expect(everything(errors)).not.toMatch(SECRETS)
  })

  test('removes the message of an error from a host’s function that received the text', () => {
    expect(everything(describeError(withholdMessage(new Error('bad: whispered'))))).not.toMatch(SECRETS)
  })

  test('does not redact an error twice', () => {
    const once = redactError(violation())
    expect(redactError(once)).toBe(once)
    expect(describeError(once)).toMatchObject({ type: 'PostgresError', code: '23505', table: 'users' })
  })
})

test('removes tokens, hashes, keys and passwords from a text', () => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'
  const key = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4='
  const fernet = `gAAAAABn${'x'.repeat(92)}==`
  const refresh = `${'s'.repeat(22)}.12.${'x'.repeat(43)}.${'m'.repeat(43)}`
  const text = `${jwt} __Host-chat-0a1b2c3d=${refresh}; ${key} ${fernet} ${HASH} sha256+${HASH} postgres://bob2:opensesame@h/db /ws?token=abc&a=1`
  expect(redactText(text)).toBe(
    '[token] __Host-chat-0a1b2c3d=[token]; [key] [ciphertext] [hash] sha256+[hash] postgres://bob2:[password]@h/db /ws?token=[token]&a=1'
  )
})

test('redacts a long text in linear time', () => {
  for (const part of ['eyJ', 'gAAAA', '://', 'a', '$2b$12$', 'a=']) {
    expectLinear(length => part.repeat(length / part.length), redactText)
  }
})

describe('every way to log an error', () => {
  const plain = { ...violation(), message: violation().message }
  const calls: [string, (log: ReturnType<typeof Fastify>['log']) => void][] = [
    ['alone', log => log.error(wrapped())],
    ['alone with a message', log => log.error(wrapped(), 'failed')],
    ['as err', log => log.error({ err: wrapped() })],
    ['as error', log => log.error({ error: wrapped() }, 'failed')],
    ['under another key', log => log.error({ reason: wrapped(), deep: { list: [wrapped()] } }, 'failed')],
    ['with its message as the text', log => log.error({ err: wrapped() }, wrapped().message)],
    [
      'with its cause’s message in the text',
      log => log.error({ err: new Error('x: bob', { cause: new Error('bob') }) }, 'x: bob')
    ],
    ['interpolated', log => log.error('failed: %s %o', wrapped(), wrapped())],
    ['as a plain object', log => log.warn({ notice: plain }, 'a notice')],
    ['by a child', log => log.child({ a: 1 }).fatal({ err: wrapped() })]
  ]
  const logOf = (options: object) => {
    const lines: string[] = []
    return { lines, app: Fastify({ logger: { stream: { write: (line: string) => lines.push(line) }, ...options } }) }
  }

  test.each(calls)('redacts an error that is logged %s by the service’s own logger', (_, call) => {
    const { app, lines } = logOf({ serializers, hooks: { logMethod } })
    call(app.log)
    expect(lines).toHaveLength(1)
    expect(lines.join()).not.toMatch(SECRETS)
  })

  test.each(calls)('redacts an error that is logged %s through a host’s logger', (_, call) => {
    const { app, lines } = logOf({})
    call(redactingLogger(app.log))
    expect(lines).toHaveLength(1)
    expect(lines.join()).not.toMatch(SECRETS)
  })

  test('does not change fields that are not errors', () => {
    const fields = { room: 'general', at: new Date(0), list: [1, { a: 'b' }] }
    expect(redactArguments([fields, 'said %d', 5])).toEqual([fields, 'said %d', 5])
  })
})

test('an error with a message of a megabyte is logged in a few kilobytes', () => {
  const logged = JSON.stringify(describeError(new Error('x'.repeat(2 ** 20))))
  expect(logged.length).toBeLessThan(20_000)
  expect(logged).toContain('[clipped]')
})
