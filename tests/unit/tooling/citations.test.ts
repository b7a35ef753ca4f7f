import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { brokenCitations } from "@trakit/tooling/citations.ts";

/** Not written out, or these lines would be citations themselves. */
const S = "\u00a7";
const R = "reference";

const PAGE = `# Post

## 1. Stamps

### 1.2 Colours

Red ones cost more [Post office].

Source: [Post office], read 2026-11-30.

## 2. Letters

At most 20 g.

Source: https://post.example/letters, read 2026-11-30.

[Post office]: https://post.example/stamps
`;

let root: string;

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trakit-citations-"));
  write("docs/references/README.md", "[post](post.md)");
  write("docs/references/post.md", PAGE);
});
afterEach(() => rmSync(root, { recursive: true }));

describe("a citation leads to a section of a page", () => {
  test.each([
    `(${R}: post ${S}2)`,
    `(${R}: post ${S}1.2, ${S}2; heavier ones are refused)`,
    `(${R}: post ${S}1,\n * ${S}1.2 and ${S}2)`,
    `(${R}:\n * post ${S}1.2)`,
    `(RFC 6265 ${S}4.1.1)`,
    `(FIPS 180-4 ${S}4.2.2, ${S}5.3.3)`,
    `f(${R}); if (${R}) return { ${R}: null };`,
  ])("taken: %j", (comment) => {
    write("packages/core/src/stamp.ts", `/**\n * Weight ${comment}.\n */\n`);
    expect(brokenCitations(root)).toEqual([]);
  });

  test.each([
    ["an unknown page", `(${R}: parcels ${S}2)`, /no page docs\/references\/parcels\.md/],
    ["a page by another name", `(design ${S}2)`, /no page docs\/references\/design\.md/],
    ["an unknown section", `(${R}: post ${S}3)`, /post\.md has no section 3;/],
    ["an unknown part of a section", `(${R}: post ${S}2.1)`, /post\.md has no section 2\.1;/],
    ["the second of two", `(${R}: post ${S}2, ${S}7)`, /post\.md has no section 7;/],
    ["one in the next line", `(${R}: post ${S}2,\n * ${S}7)`, /post\.md has no section 7;/],
    ["no page", `(${S}2)`, /without a page/],
    ["no section", `(${R}: post)`, /without page or section/],
    ["neither", `Light (${R}).`, /without page or section/],
    ["another form", `(post ${S}2)`, /not found by its form/],
    ["the plural", `(${R}s: post ${S}2)`, /without page or section|not found by its form/],
  ])("refused: %s", (_, comment, problem) => {
    write("packages/core/src/stamp.ts", `/** One line. */\n/** Weight ${comment} */\n`);
    const found = brokenCitations(root);
    expect(found.join("\n")).toMatch(problem);
    expect(found[0]).toMatch(/^packages\/core\/src\/stamp\.ts:2: /);
  });

  test.each([
    "docs/post.md",
    "supabase/migrations/1_post.sql",
    "tests/unit/post.test.ts",
    "functions/post/handler.ts",
  ])(
    "in %s too",
    (file) => {
      write(file, `-- Weight (${R}: post ${S}9)\n`);
      expect(brokenCitations(root)).toEqual([expect.stringContaining(`${file}:1: `)]);
    },
  );
});

describe("a page of facts says where they come from", () => {
  test("a section without a source is refused", () => {
    write(
      "docs/references/post.md",
      PAGE.replace("Source: https://post.example/letters, read 2026-11-30.\n", ""),
    );
    expect(brokenCitations(root)).toEqual([
      `docs/references/post.md: ${S}2 has no "Source:" with an address`,
      `docs/references/post.md: ${S}2 does not say when its source was read`,
    ]);
  });

  test("a source without an address is refused, wherever it is named", () => {
    write("docs/references/post.md", PAGE.replace("[Post office]: https://post.example/stamps\n", ""));
    expect(brokenCitations(root)).toContain(
      "docs/references/post.md: the source [Post office] has no address",
    );
    expect(brokenCitations(root)).toContain(
      `docs/references/post.md: ${S}1.2 has no "Source:" with an address`,
    );
  });

  test("a source that does not say when it was read is refused", () => {
    write("docs/references/post.md", PAGE.replace("[Post office], read 2026-11-30", "[Post office]"));
    expect(brokenCitations(root)).toEqual([
      `docs/references/post.md: ${S}1.2 does not say when its source was read`,
    ]);
  });

  test("a page may cite its own sections by number alone, and only those it has", () => {
    write(
      "docs/references/post.md",
      PAGE.replace("At most 20 g.", `At most 20 g, or ${S}1.2; ${S}4 is for parcels.`),
    );
    expect(brokenCitations(root)).toEqual([expect.stringContaining("post.md has no section 4")]);
  });

  test("a page the index does not lead to is refused", () => {
    write("docs/references/README.md", "Pages.");
    expect(brokenCitations(root)).toEqual(["docs/references/README.md does not lead to post.md"]);
  });
});
