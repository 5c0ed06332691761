/**
 * Tests that every regular expression in the sources takes linear time. The texts are derived from each expression: a text that
 * it matches, of which a part is repeated many times, with an end that it matches or does not. Quadratic time is usually caused by
 * such a text: `/-+$/` tries each dash of `-----x` as the beginning of the match.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Visitor } from 'vite'
import { expect, test } from 'vitest'
import { cpuMilliseconds, expectLinear } from './support/growth.ts'
import fc from './support/properties.ts'
import { sources } from './support/sources.ts'

const root = join(import.meta.dirname, '..')
const literals = new Map<string, RegExp>()
const withConstructor = new Set<string>()
for (const { file, program } of sources) {
  const visitor = new Visitor({
    Literal(node) {
      if ('regex' in node) literals.set(`${file}: ${node.raw}`, new RegExp(node.regex.pattern, node.regex.flags))
      // The patterns of schemas are strings.
      if (typeof node.value === 'string' && /^\^.*\$$/.test(node.value))
        literals.set(`${file}: ${node.raw}`, new RegExp(node.value, 'u'))
    },
    NewExpression({ callee }) {
      if (callee.type === 'Identifier' && callee.name === 'RegExp') withConstructor.add(file)
    }
  })
  visitor.visit(program)
}
const patterns = [...readFileSync(join(root, 'docs/openapi.json'), 'utf8').matchAll(/"pattern": (".*"),?$/gm)].map(
  ([, pattern = '']) => JSON.parse(pattern) as string
)
for (const pattern of patterns) literals.set(`docs/openapi.json: ${pattern}`, new RegExp(pattern, 'u'))

/** Expressions that take quadratic time, and why their texts are short. */
const SHORT_TEXTS: Readonly<Record<string, string>> = {
  '/\\/+$/': 'the URL of the service, from whoever starts the client',
  '/[^\\p{L}\\p{N}]+$/u': 'a mention, which has at most 100 characters'
}
const isShort = (expression: RegExp): boolean => String(expression) in SHORT_TEXTS

const CLASS = /\[(?:\\.|[^\]\\])*\]/g
/** Returns whether an expression repeats a part any number of times. */
const isUnbounded = ({ source }: RegExp): boolean => /[*+]|,\}/.test(source.replace(/\\./g, '').replace(CLASS, ''))

/** Removes what fast-check does not support: assertions other than `^` and `$`, and flags that do not matter for the texts. */
const simplified = ({ source, flags }: RegExp): RegExp =>
  new RegExp(
    source.replace(new RegExp(String.raw`\(\?<?[=!](?:${CLASS.source}|\\.|[^()[\\])*\)|\\b`, 'g'), ''),
    flags.replace(/[giy]/g, '')
  )

const SAMPLES = 6
const POSITIONS = 6
/** Follows a text and is matched by few expressions. */
const END = '\u0000'

/** Returns functions that create texts of about a given length for an expression. */
const textsFor = (expression: RegExp): Map<string, (length: number) => string> => {
  // The seed is fixed, because the result of the test must not depend on it.
  const options = { numRuns: 20, seed: 1 }
  const samples = fc.sample(fc.stringMatching(simplified(expression), { size: 'small' }), options)
  const texts = new Map<string, (length: number) => string>()
  for (const sample of [...new Set(samples)].sort((a, b) => a.length - b.length).slice(0, SAMPLES)) {
    for (let at = 0; at < Math.min(sample.length, POSITIONS); at++) {
      for (const repeated of new Set([sample.slice(at, at + 1), sample.slice(at, at + 2)])) {
        const [before, after] = [sample.slice(0, at), sample.slice(at + repeated.length)]
        for (const end of new Set(['', after, END, after + END]))
          texts.set(
            JSON.stringify([before, repeated, end]),
            length => before + repeated.repeat(length / repeated.length) + end
          )
      }
    }
  }
  return texts
}

/** A short text, for which exponential time is noticed but does not yet block the test. */
const SHORT = 24
/** A text for which cubic time is noticed. */
const MIDDLE = 512
const SHORT_MS = 100

const tested = [...literals].filter(([, expression]) => isUnbounded(expression) && !isShort(expression))

test.each(tested)('%s takes linear time', (_, expression) => {
  for (const [name, textOf] of textsFor(expression)) {
    const work = (text: string) => text.replace(expression, '')
    for (const length of [SHORT, MIDDLE])
      expect(
        cpuMilliseconds(() => work(textOf(length))),
        name
      ).toBeLessThan(SHORT_MS)
    expectLinear(textOf, work)
  }
})

test('finds the expressions of the sources, also the exceptions', () => {
  const found = new Set([...literals.values()].map(String))
  expect(Object.keys(SHORT_TEXTS).filter(name => !found.has(name))).toEqual([])
  expect(literals.size).toBeGreaterThan(100)
  expect(patterns.length).toBeGreaterThan(10)
})

test('only these files create expressions at run time, of which tests/linear.test.ts tests the functions', () => {
  expect([...withConstructor].sort()).toEqual([
    'src/protocol/errors.ts', // matches the codes of errors, in the API document
    'src/protocol/http/messages.ts', // the pattern of room names, which is also in docs/openapi.json
    'src/protocol/validation.ts', // the patterns of schemas
    'src/web/links.ts',
    'src/web/mentions.ts'
  ])
})
