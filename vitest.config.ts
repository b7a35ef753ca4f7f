import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { leftOut } from "./tests/support/long-tests.ts";
import Order from "./tests/support/order.ts";

/** Tests of packages that keep nothing between two calls: their files share a worker, and what it has loaded. */
const PURE = [
  "tests/unit/core/**/*.test.ts",
  "tests/unit/shopify/**/*.test.ts",
  "tests/unit/destinations/**/*.test.ts",
];
const exclude = [...configDefaults.exclude, ...leftOut()];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "pure", include: PURE, exclude, isolate: false } },
      {
        extends: true,
        test: { name: "rest", include: ["tests/**/*.test.ts"], exclude: [...exclude, ...PURE] },
      },
    ],
    globalSetup: ["tests/support/global-setup.ts"],
    setupFiles: ["tests/support/property-tests.ts"],
    // many files wait for processes and databases: while they do, others compute
    maxWorkers: availableParallelism() + 2,
    sequence: { sequencer: Order },
    // what only a hang reaches: a wait that fails says first what it waited for (tests/support/stack.ts)
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 60_000 } },
    reporters: ["default", "tests/support/closing-line.ts"],
  },
});
