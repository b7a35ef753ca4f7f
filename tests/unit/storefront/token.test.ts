import { Buffer } from "node:buffer";
import { createHash, createHmac, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hmac, pureSubtle, sha256 } from "@trakit/storefront/pixel/pure-subtle.ts";
import { sha256 as digestOf, type Subtle, tokenOf } from "@trakit/storefront/shared/token.ts";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";

const vector = JSON.parse(
  readFileSync(new URL("../../fixtures/storefront/token-vector.json", import.meta.url), "utf8"),
) as {
  session_id: string;
  session_key: string;
  event_id: string;
  name: string;
  issued_at: number;
  body: string;
  token: string;
};

const makers: [string, Subtle][] = [
  ["WebCrypto", webcrypto.subtle as unknown as Subtle],
  ["without WebCrypto", pureSubtle],
];

describe.each(makers)("event token, %s", (_name, subtle) => {
  test("is the one the server expects", async () => {
    const session = { id: vector.session_id, key: vector.session_key };
    expect(await tokenOf(subtle, session, vector.event_id, vector.name, vector.issued_at, vector.body)).toBe(
      vector.token,
    );
  });

  test("a conversion has the id the webhook computes", async () => {
    const id = conversionEventId(
      "trakit-demo.myshopify.com",
      "checkout_completed",
      "0123456789abcdef0123456789abcdef",
    );
    const text = "trakit/1|trakit-demo.myshopify.com|checkout_completed|0123456789abcdef0123456789abcdef";
    expect((await digestOf(subtle, text)).slice(0, 32)).toBe(id);
    expect(
      (await digestOf(subtle, "trakit/1|trakit-demo.myshopify.com|customer_registered|email:a@b.example"))
        .slice(
          0,
          32,
        ),
    )
      .toBe(
        conversionEventId(
          "trakit-demo.myshopify.com",
          "customer_registered",
          naturalKey.email(" A@b.Example"),
        ),
      );
  });
});

describe("hashing without WebCrypto", () => {
  const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

  test("agrees with SHA-256 and HMAC at every length around a block", () => {
    for (let length = 0; length < 200; length++) {
      const bytes = new Uint8Array(length).map((_, index) => (index * 37 + length) & 0xff);
      expect(hexOf(sha256(bytes))).toBe(createHash("sha256").update(bytes).digest("hex"));
      expect(hexOf(hmac(bytes, bytes))).toBe(createHmac("sha256", bytes).update(bytes).digest("hex"));
    }
  });

  test("agrees for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4000 }), fc.uint8Array({ maxLength: 200 }), (message, key) => {
        expect(hexOf(sha256(message))).toBe(createHash("sha256").update(message).digest("hex"));
        expect(hexOf(hmac(key, message))).toBe(createHmac("sha256", key).update(message).digest("hex"));
      }),
    );
  });
});
