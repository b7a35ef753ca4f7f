import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { leftOut } from "./tests/support/long-tests.ts";
import Order from "./tests/support/order.ts";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...leftOut()],
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
