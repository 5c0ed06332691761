/** Tests that nothing that a command prints can control the terminal. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { commandLog, print, printError, printJson, printNote } from '../../src/cli/print.ts'

afterEach(() => void vi.restoreAllMocks())

/** Returns what a function writes to the standard output and to standard error. */
const written = (work: () => void): string => {
  let text = ''
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation(chunk => {
      text += chunk
      return true
    })
  work()
  vi.restoreAllMocks()
  return text
}

const HOSTILE = 'eve\x1b[2J\x9b1m\x7f\u202e\u2028root'

test('prints each text on one line, with symbols for control characters', () => {
  expect(written(() => print(`ID  ${HOSTILE}\nNAME`, '', 'end'))).toBe('ID  eve␛[2J\ufffd1m␡\ufffd root NAME\n\nend\n')
  expect(written(() => printNote(`${HOSTILE}\nno`))).toBe('eve␛[2J\ufffd1m␡\ufffd root no\n')
})

test('prints an error with its lines, with symbols for control characters', () => {
  expect(written(() => printError(new Error(`${HOSTILE}\nNAME`)))).toBe(
    'fastify-chat: eve␛[2J\ufffd1m␡\ufffd\nroot\nNAME\n'
  )
})

test('prints JSON that stays valid and equal, with escapes for control characters', () => {
  const json = JSON.stringify({ name: HOSTILE }, null, 2)
  const printed = written(() => printJson(...json.split('\n')))
  expect(printed).toBe('{\n  "name": "eve\\u001b[2J\\u009b1m\\u007f\\u202e\\u2028root"\n}\n')
  expect(JSON.parse(printed)).toEqual({ name: HOSTILE })
})

test('logs valid JSON with escapes for control characters', () => {
  const logged = written(() => commandLog.info({ name: HOSTILE }, 'recorded'))
  expect(logged).toContain('"name":"eve\\u001b[2J\\u009b1m\\u007f\\u202e\\u2028root"')
  expect(JSON.parse(logged)).toMatchObject({ name: HOSTILE, msg: 'recorded' })
})

test('no command writes to the terminal itself, without src/cli/print.ts', () => {
  const root = join(import.meta.dirname, '../../src')
  const sources = readdirSync(join(root, 'cli'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && name !== 'print.ts')
    .map(name => join('cli', name))
  expect(sources.length).toBeGreaterThan(20)
  const direct = ['cli.ts', ...sources].filter(name =>
    /\bconsole\.|std(?:out|err)\.write/.test(readFileSync(join(root, name), 'utf8'))
  )
  expect(direct).toEqual([])
})
