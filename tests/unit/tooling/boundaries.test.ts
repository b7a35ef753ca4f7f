import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { breaches } from "@trakit/tooling/boundaries.ts";

test.each([
  ['export const one = (name: string) => name === "google";', 1],
  ['// only "google" does this\nexport const one = 1;', 0],
])("a platform named in the pipeline's code is refused: %j", (source, count) => {
  const root = mkdtempSync(join(tmpdir(), "rooms-"));
  try {
    mkdirSync(join(root, "packages/pipeline/src"), { recursive: true });
    writeFileSync(join(root, "packages/pipeline/src/one.ts"), source);
    const found = breaches(root);
    expect(found).toHaveLength(count);
    if (count > 0) {
      expect(found[0]).toContain('packages/pipeline/src/one.ts: "google" belongs into its destination');
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
