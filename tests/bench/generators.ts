/** Selects the load generators. Rows that depend on the generator are measured with each of them. */
import { createCGenerator } from './generator.ts'
import type { Generator } from './load.ts'
import { nodeGenerator } from './node-generator.ts'

let all: readonly Generator[] | undefined

const create = (): readonly Generator[] => {
  const compiled = createCGenerator()
  if (compiled) return [nodeGenerator, compiled]
  process.stderr.write(
    '*** SKIPPED: the rows of the C load generator. `cc` is missing or does not compile load.c. ***\n'
  )
  return [nodeGenerator]
}

/** Returns the generators that can run here. */
export const generators = (): readonly Generator[] => {
  all ??= create()
  return all
}
