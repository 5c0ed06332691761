/**
 * Implements `npm run test:client`: performs many seeded fault runs of the SDK, and prints the seed of each. The options
 * `--runs 200 --seed 1` perform 200 runs, with the seeds from 1 on.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    engine: { type: 'string', default: 'postgres' }
  }
})

const { status } = spawnSync(
  'npx',
  ['vitest', 'run', 'tests/client/faults.db.test.ts', '--project', values.engine, '--reporter=verbose'],
  { stdio: 'inherit', env: { ...process.env, FAULT_RUNS: values.runs, FAULT_SEED: values.seed } }
)
process.exitCode = status ?? 1
