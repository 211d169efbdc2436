import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Longest first. Vitest knows how long files took where it has run before; on a fresh machine it goes by their size. */
const LONGEST = [
  "simulation/goodput",
  "simulation/transfer",
  "simulation/fairness",
  "explorer/",
  "fuzz/",
  "simulation/",
];

function rank({ moduleId }: TestSpecification): number {
  const index = LONGEST.findIndex((name) => moduleId.includes(`/test/${name}`));
  return index < 0 ? LONGEST.length : index;
}

/** A long file that is begun last runs on alone, with one core at rest. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** End-to-end tests make namespaces and measure: one file at a time, with time to spare. */
const E2E = "test/e2e/**/*.test.ts";

export default defineConfig({
  test: {
    // Two of the project's machines' two cores.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
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
