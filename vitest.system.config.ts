import { defineConfig } from "vitest/config";

/** Tests with real daemons, switches and network namespaces: one file at a time, long limits. */
export default defineConfig({
  test: {
    include: ["test/system/**/*.test.ts", "test/long/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
