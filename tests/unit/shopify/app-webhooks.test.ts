import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { APP_TOPICS, decodeAppWebhook } from "@trakit/shopify/app-webhooks.ts";
import { fixture, SHOP } from "./fixture.ts";

const hex = (text: string) => createHash("sha256").update(text).digest("hex");

describe("webhooks about the app and somebody's data", () => {
  test("name the shop that stands in the signed body", () => {
    expect(decodeAppWebhook("app/uninstalled", fixture("app-uninstalled"))).toEqual({
      ok: true,
      webhook: { kind: "uninstalled", shop: SHOP },
    });
    expect(decodeAppWebhook("shop/redact", fixture("shop-redact"))).toEqual({
      ok: true,
      webhook: { kind: "privacy", shop: SHOP, request: "redact_shop", subject: null },
    });
  });

  test("name a person by ids and digests only", () => {
    const decoded = decodeAppWebhook("customers/redact", fixture("customers-redact"));
    expect(decoded).toEqual({
      ok: true,
      webhook: {
        kind: "privacy",
        shop: SHOP,
        request: "redact_customer",
        subject: {
          customers: ["7012345678801"],
          emails: [hex("maya.okafor@example.com")],
          phones: [hex("+17185550123")],
          orders: ["5890123456781"],
        },
      },
    });
    expect(decodeAppWebhook("customers/data_request", fixture("customers-data_request"))).toMatchObject({
      ok: true,
      webhook: { request: "export", subject: { orders: ["5890123456782"] } },
    });
  });

  test("may carry an email alone, or nobody at all", () => {
    const shop_domain = SHOP;
    expect(decodeAppWebhook("customers/redact", { shop_domain, customer: { email: "A@b.co" } }))
      .toMatchObject({
        ok: true,
        webhook: { subject: { customers: [], emails: [hex("a@b.co")], phones: [], orders: [] } },
      });
    expect(decodeAppWebhook("customers/redact", { shop_domain })).toMatchObject({ ok: true });
  });

  test("that redact a shop are not read from the signed body of another topic", () => {
    for (
      const other of ["customers-redact", "customers-data_request", "app-uninstalled", "order-web-guest"]
    ) {
      expect(decodeAppWebhook("shop/redact", fixture(other)), other).toMatchObject({ ok: false });
    }
    for (const other of ["shop-redact", "customers-redact", "order-web-guest"]) {
      expect(decodeAppWebhook("app/uninstalled", fixture(other)), other).toMatchObject({ ok: false });
    }
  });

  test("that are garbled are refused with paths, never values", () => {
    for (const topic of APP_TOPICS) {
      for (const payload of [null, 1, [], {}, { shop_domain: "evil.example", myshopify_domain: "SECRET" }]) {
        const decoded = decodeAppWebhook(topic, payload);
        expect(decoded.ok).toBe(false);
        expect(JSON.stringify(decoded)).not.toMatch(/evil|SECRET/);
      }
    }
    expect(decodeAppWebhook("app/scopes_update", fixture("app-scopes_update"))).toMatchObject({
      ok: true,
      webhook: { kind: "scopes", scopes: expect.arrayContaining(["write_pixels"]) },
    });
  });
});
