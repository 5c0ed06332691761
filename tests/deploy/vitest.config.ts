/** For tests/deploy/image.sh alone, which builds what these tests run: see there. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['tests/deploy/*.image.ts'], testTimeout: 120_000, hookTimeout: 60_000 }
})
