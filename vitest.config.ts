import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Threads that tests start take the types out of source by WebAssembly; see bin/meshscope.js for what this keeps off.
    execArgv: ['--wasm-wrapper-tiering-budget=2000000000'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['node_modules', 'dist', 'test'],
          setupFiles: ['test/node_version.ts', 'test/model_equality.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{integration,conformance}/**/*.test.ts'],
          setupFiles: ['test/node_version.ts', 'test/model_equality.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          setupFiles: ['test/node_version.ts', 'test/model_equality.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          globalSetup: ['test/interop/global_setup.ts'],
          setupFiles: ['test/node_version.ts', 'test/model_equality.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
