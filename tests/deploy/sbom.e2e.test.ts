/** Tests the bill of materials that tools/sbom.js prints. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { builtProgram } from '../support/built-service.ts'

const root = join(import.meta.dirname, '../..')

test('the bill of materials lists dependencies and bundled packages, each once', async () => {
  await builtProgram()
  const { bomFormat, components, dependencies } = JSON.parse(
    execFileSync(process.execPath, ['tools/sbom.js'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 })
  )
  expect(bomFormat).toBe('CycloneDX')
  const names: string[] = components.map(({ name }: { name: string }) => name)
  // `drizzle-orm` is a dependency. `preact` and `react` are bundled.
  expect(names).toEqual(expect.arrayContaining(['drizzle-orm', 'preact', 'react']))
  expect(names).not.toContain('vitest')
  const refs: string[] = components.map((component: Record<string, string>) => component['bom-ref'])
  expect(new Set(refs).size).toBe(refs.length)
  expect(dependencies.map(({ ref }: { ref: string }) => ref)).toEqual(expect.arrayContaining(refs))
})
