import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

const conditions = ['source', ...defaultServerConditions]

/** Real clients of the protocols that Gyre speaks, each in an environment the tests build: `npm run test:protocols`. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['test/protocols/**/*.test.ts'] },
})
