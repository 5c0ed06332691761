import { test } from 'vitest'
import { createMemoryBus, createMemoryNetwork } from '../../../src/bus/drivers/memory.ts'
import { createMemoryLog } from '../../support/memory-log.ts'
import { expectTitleEverywhere } from './room-changed.ts'

test('a title that is changed on one process is shown on every process of a memory network', async () => {
  const network = createMemoryNetwork()
  await expectTitleEverywhere(createMemoryLog(['general']), () => createMemoryBus(network))
})
