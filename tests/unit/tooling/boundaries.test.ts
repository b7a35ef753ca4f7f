import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { breaches } from "@trakit/tooling/boundaries.ts";

test.each([
  ["pipeline", 'export const one = (name: string) => name === "google";', 1],
  ["pipeline", '// only "google" does this\nexport const one = 1;', 0],
  ["core", 'export const PLATFORMS = ["google"];', 1],
  ["core", 'export const one = { fbp: { vendor: "Google" } };', 0],
])("a platform named in the code of %s is refused: %j", (room, source, count) => {
  const root = mkdtempSync(join(tmpdir(), "rooms-"));
  try {
    mkdirSync(join(root, "packages", room, "src"), { recursive: true });
    writeFileSync(join(root, "packages", room, "src/one.ts"), source);
    const found = breaches(root);
    expect(found).toHaveLength(count);
    if (count > 0) {
      expect(found[0]).toContain(`packages/${room}/src/one.ts: "google" belongs into its destination`);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
