/** Configures Vitest for tests/deploy/image.sh, which builds the image and runs these tests on it. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['tests/deploy/*.image.ts'], testTimeout: 120_000, hookTimeout: 60_000 }
})
