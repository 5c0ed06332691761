/** Tests the loggers of requests. A logger is created when a request logs its first line. */
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { logMethod, redactsItself, requestLogger } from '../../src/lib/logging.ts'

const start = () => {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const parent = Fastify({ logger: { level: 'info', base: null, timestamp: false, hooks: { logMethod }, stream } }).log
  redactsItself(parent)
  let children = 0
  const { child } = parent
  parent.child = function (this: unknown, ...args: Parameters<typeof child>) {
    if (this === parent) children++
    return Reflect.apply(child, this, args)
  } as typeof child
  return { parent, lines, children: () => children }
}

test('creates no child for lines below the log level, and one for all other lines', () => {
  const { parent, lines, children } = start()
  const log = requestLogger(parent, { reqId: 'r1' }, {})
  log.debug({}, 'not logged')
  expect(children()).toBe(0)
  log.info({ a: 1 }, 'first')
  log.child({ b: 2 }).warn('second')
  log.error('third')
  expect(children()).toBe(1)
  expect(lines).toEqual([
    { level: 30, reqId: 'r1', a: 1, msg: 'first' },
    { level: 40, reqId: 'r1', b: 2, msg: 'second' },
    { level: 50, reqId: 'r1', msg: 'third' }
  ])
})

test('applies the level of a route', () => {
  const { parent, lines } = start()
  const log = requestLogger(parent, { reqId: 'r1' }, { level: 'error' })
  log.warn('not logged')
  log.error('logged')
  expect(lines).toEqual([{ level: 50, reqId: 'r1', msg: 'logged' }])
})

test('creates a separate logger for each request', () => {
  const { parent, lines } = start()
  const [one, other] = [requestLogger(parent, { reqId: 'r1' }, {}), requestLogger(parent, { reqId: 'r2' }, {})]
  one.info('one')
  other.info('other')
  one.info('one')
  expect(lines.map(({ reqId, msg }) => [reqId, msg])).toEqual([
    ['r1', 'one'],
    ['r2', 'other'],
    ['r1', 'one']
  ])
  expect(other.level).toBe('info')
})
