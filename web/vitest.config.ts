import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'mini-socket/test/**/*.test.ts'],
    environment: 'node',
    testTimeout: 5000,
  },
})
