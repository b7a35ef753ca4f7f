import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: ["tests/support/global-setup.ts"],
    setupFiles: ["tests/support/property-tests.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    reporters: ["default", "tests/support/closing-line.ts"],
  },
});
