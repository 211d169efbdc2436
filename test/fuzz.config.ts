import { defineConfig } from "vitest/config";

/** `npm run fuzz`: ten minutes, or FUZZ_SECONDS. */
const seconds = Number(process.env.FUZZ_SECONDS ?? 600);

export default defineConfig({
  test: {
    include: ["test/fuzz/**/*.test.ts"],
    env: { FUZZ_SECONDS: String(seconds) },
    testTimeout: seconds * 1000 + 120_000,
  },
});
