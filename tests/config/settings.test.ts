/** Tests that every declared setting can be set. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { settingNames } from '../../src/config/settings.ts'

const FOLDER = new URL('../../src/config/settings/', import.meta.url)

test('the list of all settings contains every setting that a file declares', async () => {
  const declared = new Set<string>()
  for (const file of readdirSync(FOLDER)) {
    const groups = (await import(new URL(file, FOLDER).href)) as Record<string, unknown>
    for (const group of Object.values(groups).filter(value => typeof value === 'object' && value !== null)) {
      for (const [name, schema] of Object.entries(group as object)) if (schema?.owner) declared.add(name)
    }
  }
  expect([...declared].sort()).toEqual([...settingNames].sort())
})
