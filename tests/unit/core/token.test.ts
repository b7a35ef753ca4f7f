import { Buffer } from "node:buffer";
import { createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  forwarderSecret,
  forwarderSecrets,
  isSessionOf,
  isVisitorProof,
  sessionId,
  sessionKeyText,
  sessionTimes,
  shopOfPublicKey,
  shopPublicKey,
  visitorProof,
} from "@trakit/core/storefront-keys.ts";
import { bodyDigest, parseToken, signedText, tokenSignature, tokenVerifier } from "@trakit/core/token.ts";
import vector from "../../fixtures/storefront/token-vector.json" with { type: "json" };

const RING = [{ key: new Uint8Array(Buffer.from(vector.ring_key_hex, "hex")) }];
const OLDER = { key: new Uint8Array(32).fill(9) };
const NOW = vector.issued_at + 1_000;
const token = parseToken(vector.token)!;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("the worked vector", () => {
  test("session key, digest, signed text, signature and token come out byte for byte", () => {
    expect(sessionKeyText(RING[0]!.key, vector.shop, vector.session_id)).toBe(vector.session_key);
    expect(bodyDigest(vector.body)).toBe(vector.body_digest);
    const text = signedText(token, vector.name, vector.body_digest);
    expect(text).toBe(vector.signed_text);
    expect(tokenSignature(vector.session_key, text)).toBe(vector.signature);
    expect(tokenVerifier(RING, vector.shop, NOW)(token, vector.name, vector.body_digest)).toBeNull();
  });

  test("is what WebCrypto derives and signs too", async () => {
    const utf8 = (text: string) => new TextEncoder().encode(text);
    const ring = await crypto.subtle.importKey("raw", RING[0]!.key, "HKDF", false, ["deriveBits"]);
    const bits = await crypto.subtle.deriveBits(
      {
        name: "HKDF",
        hash: "SHA-256",
        salt: utf8(vector.shop),
        info: utf8(`trakit/session/1|${vector.session_id}`),
      },
      ring,
      256,
    );
    expect(Buffer.from(bits).toString("base64url")).toBe(vector.session_key);
    const key = await crypto.subtle.importKey(
      "raw",
      utf8(vector.session_key),
      { name: "HMAC", hash: "SHA-256" },
      false,
      [
        "sign",
      ],
    );
    const signature = await crypto.subtle.sign("HMAC", key, utf8(vector.signed_text));
    expect(Buffer.from(signature).toString("hex")).toBe(vector.signature);
  });
});

describe("a token", () => {
  const check = (
    change: {
      shop?: string;
      name?: string;
      digest?: string;
      now?: number;
      ring?: typeof RING;
      token?: string;
    } = {},
  ) =>
    tokenVerifier(change.ring ?? RING, change.shop ?? vector.shop, change.now ?? NOW)(
      parseToken(change.token ?? vector.token)!,
      change.name ?? vector.name,
      change.digest ?? vector.body_digest,
    );

  test.each([
    ["another shop", { shop: "other.myshopify.com" }],
    ["another name", { name: "checkout_completed" }],
    ["another body", { digest: bodyDigest(`${vector.body} `) }],
    ["another id", { token: vector.token.replace(/^./, "f") }],
    ["another time", { token: vector.token.replace(String(vector.issued_at), String(vector.issued_at + 1)) }],
    ["another session", {
      token: vector.token.replace(vector.session_id, `${vector.session_id.slice(0, -1)}c`),
    }],
    ["another ring", { ring: [OLDER] }],
  ])("of %s is forged", (_, change) => {
    expect(check(change)).toBe("forged_token");
  });

  test("made under the ring's older key still counts", () => {
    expect(check({ ring: [OLDER, ...RING] })).toBeNull();
  });

  test("is taken for 24 hours, and 5 minutes early", () => {
    expect(check({ now: vector.issued_at + 24 * HOUR })).toBeNull();
    expect(check({ now: vector.issued_at + 24 * HOUR + 1 })).toBe("stale_token");
    expect(check({ now: vector.issued_at - 5 * MINUTE })).toBeNull();
    expect(check({ now: vector.issued_at - 5 * MINUTE - 1 })).toBe("stale_token");
  });

  test("issued outside its session's life is stale, however fresh it is", () => {
    const { from, until } = sessionTimes(vector.session_id)!;
    const made = (issuedAt: number) => {
      const text = signedText({ ...token, issuedAt }, vector.name, vector.body_digest);
      return check({
        token: `${token.eventId}.${token.sessionId}.${issuedAt}.${tokenSignature(vector.session_key, text)}`,
        now: issuedAt,
      });
    };
    expect(made(from - 5 * MINUTE)).toBeNull();
    expect(made(from - 5 * MINUTE - 1)).toBe("stale_token");
    expect(made(until + 5 * MINUTE)).toBeNull();
    expect(made(until + 5 * MINUTE + 1)).toBe("stale_token");
  });

  test("any changed character makes it forged or no token", () => {
    fc.assert(fc.property(fc.nat(vector.token.length - 1), fc.constantFrom(..."0aZ-_.~"), (at, letter) => {
      fc.pre(vector.token[at] !== letter);
      const changed = vector.token.slice(0, at) + letter + vector.token.slice(at + 1);
      const parsed = parseToken(changed);
      if (parsed === null) return;
      expect(check({ token: changed })).toBe("forged_token");
    }));
  });

  test("of any other shape is none, and nothing throws", () => {
    for (
      const text of [
        "",
        "a.b.c",
        `${vector.token}x`,
        null,
        7,
        {},
        [],
        "x".repeat(10_000),
        `\n${vector.token}`,
      ]
    ) {
      expect(parseToken(text)).toBeNull();
    }
    fc.assert(fc.property(fc.string(), (text) => {
      expect(parseToken(text)).toBeNull();
    }));
  });
});

describe("sessions", () => {
  test("begin when their id says and live a day", () => {
    const id = sessionId(RING, vector.shop, 1_795_521_600_999, new Uint8Array(6).fill(0xab), null);
    expect(id).toMatch(/^6b057c40abababababab[0-9a-f]{12}$/);
    expect(sessionTimes(id)).toEqual({ from: 1_795_521_600_000, until: 1_795_608_000_000 });
    expect(sessionTimes("6B057C40abababababababababababab")).toBeNull();
    expect(sessionTimes("short")).toBeNull();
    expect(() => sessionId(RING, vector.shop, 0, new Uint8Array(4), null)).toThrow();
  });

  test("are the customer's who was logged in when they were opened, in that shop, under any key of the ring", () => {
    const chance = new Uint8Array(6).fill(0xab);
    const id = sessionId(RING, vector.shop, NOW, chance, "7012345678901");
    expect(isSessionOf(RING, vector.shop, id, "7012345678901")).toBe(true);
    expect(isSessionOf([OLDER, ...RING], vector.shop, id, "7012345678901")).toBe(true);
    expect(isSessionOf([OLDER], vector.shop, id, "7012345678901")).toBe(false);
    expect(isSessionOf(RING, vector.shop, id, "7012345678902")).toBe(false);
    expect(isSessionOf(RING, "other.myshopify.com", id, "7012345678901")).toBe(false);
    const nobodys = sessionId(RING, vector.shop, NOW, chance, null);
    expect(isSessionOf(RING, vector.shop, nobodys, "7012345678901")).toBe(false);
    // another's mark on one's own start
    expect(isSessionOf(RING, vector.shop, nobodys.slice(0, 19) + "0" + id.slice(20), "7012345678901")).toBe(
      false,
    );
    expect(isSessionOf(RING, vector.shop, "short", "7012345678901")).toBe(false);
    expect(id).not.toContain("7012345678901");
  });
});

describe("a visitor's proof", () => {
  const ID = "0123456789abcdef0123456789abcdef";

  test("is of that id in that shop, under any key of the ring", () => {
    const proof = visitorProof(RING, vector.shop, ID);
    expect(proof).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(isVisitorProof([OLDER, ...RING], vector.shop, ID, proof)).toBe(true);
    expect(isVisitorProof([OLDER], vector.shop, ID, proof)).toBe(false);
    expect(isVisitorProof(RING, "other.myshopify.com", ID, proof)).toBe(false);
    expect(isVisitorProof(RING, vector.shop, ID.replace("0", "1"), proof)).toBe(false);
    expect(isVisitorProof(RING, vector.shop, ID, "")).toBe(false);
  });
});

describe("a shop's public key", () => {
  test("names the shop, and is derived as documented", () => {
    expect(shopPublicKey(RING, vector.shop)).toBe(vector.public_key);
    expect(shopOfPublicKey(RING, vector.public_key)).toBe(vector.shop);
    const bytes = hkdfSync("sha256", RING[0]!.key, vector.shop, "trakit/public-key/1", 16);
    expect(vector.public_key.split(".")[1]).toBe(Buffer.from(bytes).toString("base64url"));
  });

  test("of one shop does not name another", () => {
    const [, mac] = vector.public_key.split(".");
    expect(shopOfPublicKey(RING, `other.${mac}`)).toBeNull();
    expect(shopOfPublicKey([OLDER], vector.public_key)).toBeNull();
    for (const text of ["", ".", "x", "trakit-demo.", `trakit-demo.${"A".repeat(22)}`, "A".repeat(5_000)]) {
      expect(shopOfPublicKey(RING, text)).toBeNull();
    }
  });

  test("outlives a new key in the ring", () => {
    expect(shopOfPublicKey([OLDER, ...RING], vector.public_key)).toBe(vector.shop);
    expect(shopPublicKey([OLDER, ...RING], vector.shop)).not.toBe(vector.public_key);
  });
});

test("a forwarder's secret is the shop's alone, and no other derived key", () => {
  const one = forwarderSecret(RING, vector.shop);
  expect(one).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(forwarderSecret(RING, "other.myshopify.com")).not.toBe(one);
  expect(one).not.toBe(vector.session_key);
  expect(forwarderSecrets([OLDER, ...RING], vector.shop)).toContain(one);
  expect(createHmac("sha256", one).update("x").digest("hex")).toHaveLength(64);
});
