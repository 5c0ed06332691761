/**
 * Tests that the tables of docs/protocol.md match the catalogs, and that the example frames in docs/protocol.md match the
 * schemas.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createKinds } from '../../src/chat/kinds/index.ts'
import { CLOSE } from '../../src/protocol/close-codes.ts'
import { ERRORS } from '../../src/protocol/errors.ts'
import { compile, violations } from '../../src/protocol/validation.ts'
import { operations } from '../contract/document.ts'

const { frames } = createKinds()
const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/protocol.md'), 'utf8')

/** Returns the rows of the table under a heading, each row as a list of cells. */
const tableUnder = (heading: string): string[][] => {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [text = ''] = section.split('\n## ')
  const rows = text.split('\n').filter(line => line.startsWith('|'))
  return rows.slice(2).map(row =>
    row
      .slice(1, -1)
      .split('|')
      .map(cell => cell.trim())
  )
}

test('the table of error codes matches the error catalog', () => {
  const wanted = Object.entries(ERRORS).map(([code, { status, title, advice }]) => [
    `\`${code}\``,
    String(status),
    title,
    advice
  ])
  expect(tableUnder('Error codes')).toEqual(wanted)
})

test('the table of routes matches the OpenAPI document', () => {
  const wanted = operations.map(({ method, path, summary }) => [`\`${method} ${path}\``, summary])
  expect(tableUnder('Routes').sort()).toEqual(wanted.sort())
})

test('the text explains every route of accounts, in addition to the table', () => {
  const [before = '', after = ''] = page.split('\n## Routes\n')
  const text = before + after.slice(after.indexOf('\n## '))
  const routes = operations
    .filter(({ tags }) => !tags.includes('service'))
    .map(({ method, path }) => `${method} ${path}`)
  expect(routes.filter(route => !text.includes(route))).toEqual([])
})

test('the table of close codes matches the close-code catalog', () => {
  const wanted = Object.values(CLOSE).map(({ code, reason, advice }) => [String(code), reason, advice])
  expect(tableUnder('Close codes')).toEqual(wanted)
})

test('no server code closes a socket with a literal close code, because the code might be missing from the catalog', () => {
  const read = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map(file => join(folder, file))
      .filter(file => file.endsWith('.ts') && !/^src\/(tui|web)\//.test(file))
  const files = ['src', 'plugins', 'routes'].flatMap(read)
  expect(files.length).toBeGreaterThan(100)
  expect(files.filter(file => /\.close\(\s*\d/.test(readFileSync(join(root, file), 'utf8')))).toEqual([])
})

test('every frame has an example, and every example is a valid frame', () => {
  const lines = [...page.matchAll(/^([<>]) (\{.*\})$/gm)].map(([, direction, text = '']) => ({
    direction,
    frame: JSON.parse(text)
  }))
  const faults = lines.flatMap(({ direction, frame }) => {
    const documented = (direction === '>' ? frames.client : frames.service)[frame.type]
    if (!documented) return [`there is no frame ${direction} ${frame.type}`]
    const validate = compile(documented.schema)
    return validate(frame)
      ? []
      : violations(validate.errors ?? []).map(({ path, message }) => `${frame.type}: ${path} ${message}`)
  })
  expect(faults).toEqual([])
  const shown = (direction: string) => [
    ...new Set(lines.filter(line => line.direction === direction).map(({ frame }) => frame.type))
  ]
  expect(shown('>').sort()).toEqual(Object.keys(frames.client).sort())
  expect(shown('<').sort()).toEqual(Object.keys(frames.service).sort())
})
