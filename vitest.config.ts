import { defineConfig } from "vitest/config";

/** End-to-end tests make namespaces and measure: one file at a time, with time to spare. */
const E2E = "test/e2e/**/*.test.ts";

export default defineConfig({
  test: {
    // Two of the project's machines' two cores.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: ["test/**/*.test.ts"],
          exclude: [E2E],
          // A seed that takes long, not one that hangs: nothing here waits for real time.
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: [E2E],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
