import process from "node:process";
import { leftOut } from "./long-tests.ts";
import { propertySeed } from "./seed.ts";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** Says what the property tests began from and what was left out, and prints one plain closing line, `N passed, N failed, N skipped`, for programs. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      // a file that could not be loaded is one failure, though it holds no test
      if (module.errors().length > 0) count.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed" || state === "failed" || state === "skipped") count[state]++;
      }
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
    process.stdout.write(
      `\nProperty tests began from seed ${propertySeed()}; npm run fuzz tries new ones.\n`,
    );
    const left = leftOut();
    if (left.length > 0) {
      process.stdout.write(`Left out, run by CI, by name or with TRAKIT_TEST_ALL=1: ${left.join(", ")}.\n`);
    }
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`);
  }
}
