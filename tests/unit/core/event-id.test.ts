import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EVENT_NAMES } from "@trakit/core/event.ts";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import { heldToken } from "@trakit/shopify/text.ts";

const SHOP = "trakit-demo.myshopify.com";

describe("the id of a conversion", () => {
  // Made with: printf 'trakit/1|trakit-demo.myshopify.com|checkout_completed|<key>' | sha256sum | cut -c1-32
  test("is the one any other implementation of the rule computes", () => {
    expect(conversionEventId(SHOP, "checkout_completed", "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3"))
      .toBe("b64deb3571505b1c8ea90c131103093e");
    expect(conversionEventId(SHOP, "checkout_started", "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3"))
      .toBe("cb7a6838e2fb7daa6400b55fa212f2aa");
    expect(conversionEventId(SHOP, "checkout_completed", naturalKey.order("5890123456783")))
      .toBe("ac00352574cffa495ba6159afc110d47");
  });

  test("is never that of another kind: each has a name space, and no token a browser sends reaches one", () => {
    const id = "5890123456783";
    const keys = [
      naturalKey.checkout(id),
      naturalKey.order(id),
      naturalKey.refund(id),
      naturalKey.customer(id),
      naturalKey.email(id),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...keys.slice(1)), (text, key) => {
        expect(heldToken(text)).not.toBe(key);
        expect(heldToken(key)).toBeNull();
      }),
    );
  });

  test("does not depend on how the shop is written, but on the case of the key", () => {
    expect(conversionEventId("Trakit-DEMO.myshopify.com", "checkout_completed", "abc"))
      .toBe(conversionEventId(SHOP, "checkout_completed", "abc"));
    expect(conversionEventId(SHOP, "checkout_completed", "ABC"))
      .not.toBe(conversionEventId(SHOP, "checkout_completed", "abc"));
  });

  test("follows the rule for any shop, name and key, in UTF-8", () => {
    fc.assert(
      fc.property(
        fc.domain(),
        fc.constantFrom(...EVENT_NAMES),
        fc.string({ unit: "grapheme" }),
        (shop, name, key) => {
          const expected = createHash("sha256")
            .update(Buffer.from(["trakit/1", shop.toLowerCase(), name, key].join("|"), "utf8"))
            .digest("hex");
          expect(conversionEventId(shop, name, key)).toBe(expected.substring(0, 32));
        },
      ),
    );
  });
});
