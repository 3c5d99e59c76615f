import { defineConfig } from 'vitest/config'

/** Real clients of the protocols that Gyre speaks, each in an environment the tests build: `npm run test:protocols`. */
export default defineConfig({
  test: { include: ['test/protocols/**/*.test.ts'] },
})
