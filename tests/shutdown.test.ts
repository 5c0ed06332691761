/** Tests the order and the timeouts of the shutdown steps, and that docs/operations.md lists the same steps and timeouts. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createShutdown, EXIT_MS, SHUTDOWN_STEPS } from '../src/shutdown.ts'

const STEPS = SHUTDOWN_STEPS.filter(({ phase }) => phase !== 'exit')

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Creates a shutdown whose steps all call `work`. Records which steps began and which were aborted. */
const start = (work: () => unknown) => {
  const begun: string[] = []
  const aborted: string[] = []
  const warnings: object[] = []
  const shutdown = createShutdown({ warn: fields => warnings.push(fields as object) })
  for (const { name } of STEPS) {
    shutdown.add(name, ({ signal }) => {
      begun.push(name)
      signal.addEventListener('abort', () => aborted.push(name))
      return work()
    })
  }
  return { shutdown, begun, aborted, warnings }
}

test('docs/operations.md lists the shutdown steps and their timeouts in order', () => {
  const text = readFileSync(resolve(import.meta.dirname, '../docs/operations.md'), 'utf8')
  const [, section = ''] = /^## Shutdown\n([\s\S]*?)^## /m.exec(text) ?? []
  const rows = [...section.matchAll(/^\| ([a-z A-Z]+?) +\| ([\d.]+) s +\|/gm)].map(([, name, seconds]) => [
    name,
    Number(seconds) * 1000
  ])
  expect(rows).toEqual(SHUTDOWN_STEPS.map(({ name, timeoutMs }) => [name, timeoutMs]))
})

test('the timeouts of the shutdown steps leave the database 2 s to close before the process exits', () => {
  const before = STEPS.filter(({ name }) => name !== 'close the database')
  expect(before.reduce((sum, { timeoutMs }) => sum + timeoutMs, 0)).toBeLessThanOrEqual(EXIT_MS - 2000)
  expect(EXIT_MS).toBeLessThan(10_000)
})

test('shutdown steps that never end are aborted after their timeouts, one after another', async () => {
  const { shutdown, begun, aborted, warnings } = start(() => new Promise(() => {}))
  const startedAt = performance.now()
  const done = Promise.all([shutdown.run('before').then(() => shutdown.run('after'))])
  let at = 0
  for (const [index, { name, timeoutMs }] of STEPS.entries()) {
    await vi.advanceTimersByTimeAsync(timeoutMs - 1)
    expect(begun).toEqual(STEPS.slice(0, index + 1).map(step => step.name))
    expect(aborted).not.toContain(name)
    await vi.advanceTimersByTimeAsync(1)
    expect(aborted.at(-1)).toBe(name)
    at += timeoutMs
  }
  await done
  expect(performance.now() - startedAt).toBe(at)
  expect(warnings).toHaveLength(STEPS.length)
})

test('a shutdown step that throws or rejects is logged, and the next step begins', async () => {
  const failures: (() => unknown)[] = [
    () => {
      throw new Error('at once')
    },
    () => Promise.reject(new Error('later'))
  ]
  for (const fail of failures) {
    const { shutdown, begun, warnings } = start(fail)
    await shutdown.run('before')
    await shutdown.run('after')
    expect(begun).toEqual(STEPS.map(({ name }) => name))
    expect(warnings).toHaveLength(STEPS.length)
  }
})
