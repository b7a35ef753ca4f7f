import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBrowserEvent } from "@trakit/shopify/browser.ts";
import { browserBatchSchema } from "@trakit/shopify/browser-schema.ts";
import { CONTEXT, decode, event } from "./browser-events.ts";
import { fixture } from "./fixture.ts";
import { pathsOf, replaceAt, UNSTORABLE } from "./mutate.ts";

describe("payloads as they should not be", () => {
  test("NUL and lone surrogates never get into the event, texts are bounded", () => {
    const decoded = event({
      name: "search_submitted",
      page: {
        url: "https://s.example/?q=\u0000\ud800",
        referrer: "https://s.example/\udc00",
        title: `\u0000${"t".repeat(1_000)}`,
      },
      data: { searchResult: { query: "\ud800q".repeat(1_000) } },
    }, { userAgent: "\u0000".repeat(5_000) });
    expect(JSON.stringify(decoded)).not.toMatch(UNSTORABLE);
    expect(decoded.page.title).toHaveLength(300);
    expect(decoded.commerce.search_query).toHaveLength(500);
    expect(decoded.client.user_agent).toHaveLength(1000);
  });

  test("issues name paths and codes, never values", () => {
    const result = decode({
      name: "product_viewed",
      data: { productVariant: "SECRET", cart: "SECRET", checkout: { totalPrice: "SECRET" } },
    });
    if (result.ok) throw new Error();
    expect(result.reason).toBe("invalid_event");
    expect(result.issues.join()).not.toContain("SECRET");
    for (const issue of result.issues) expect(issue).toMatch(/^[A-Za-z_0-9.]+: [a-z_]+$/);
  });

  test("never throws on any JSON", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      expect(decodeBrowserEvent(value, CONTEXT).ok).toBe(false);
      browserBatchSchema.safeParse(value);
    }));
  });

  test("never throws when any part of an event is any JSON, and what it accepts can be stored", () => {
    const names = ["pixel-checkout_completed", "pixel-product_added_to_cart", "pixel-page_viewed"];
    const garbage = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom<unknown>(null, [], {}, "", -1, 1e308, "\u0000", "\ud800", "1e99", "9".repeat(50)),
    );
    const now = Date.parse("2026-10-26T07:13:00Z");
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(fc.tuple(fc.nat(), garbage), { minLength: 1, maxLength: 4 }),
        (name, changes) => {
          const raw = fixture(name);
          const paths = pathsOf(raw);
          for (const [index, value] of changes) replaceAt(raw, paths[index % paths.length] ?? [], value);
          const result = decodeBrowserEvent(raw, { ...CONTEXT, now });
          if (result.ok) expect(JSON.stringify(result.event)).not.toMatch(UNSTORABLE);
          else expect(result.reason).toMatch(/^[a-z_]+$/);
        },
      ),
      { numRuns: 500 },
    );
  });
});
