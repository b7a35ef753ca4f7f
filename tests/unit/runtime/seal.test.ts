import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { open, quarantineSubject, seal, tokenSubject } from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";

const key = (fill: number) => new Uint8Array(32).fill(fill);
const old: KeyRing = [{ id: "k1", key: key(1) }];
const rotated: KeyRing = [{ id: "k2", key: key(2) }, { id: "k1", key: key(1) }];
const subject = tokenSubject("8f14e45f-ceea-467f-a8f5-0000000000aa", "meta");
const TOKEN = "EAAB-not-a-real-token";

function clear(result: ReturnType<typeof open>): string {
  if (!result.ok) return expect.fail(`did not open: ${result.reason}`);
  return Buffer.from(result.bytes).toString();
}

/** The envelope with one part's bytes changed. */
function changed(envelope: string, part: 2 | 3, change: (bytes: Buffer) => Buffer): string {
  const parts = envelope.split(".");
  parts[part] = change(Buffer.from(parts[part]!, "base64url")).toString("base64url");
  return parts.join(".");
}

describe("a seal", () => {
  test("opens to what was sealed, bytes or text", () => {
    expect(clear(open(old, seal(old, TOKEN, subject), subject))).toBe(TOKEN);
    const bytes = Uint8Array.from([0, 255, 128, 10]);
    const opened = open(old, seal(old, bytes, subject), subject);
    expect(opened).toMatchObject({ ok: true, keyId: "k1" });
    expect(opened.ok && Buffer.from(opened.bytes)).toEqual(Buffer.from(bytes));
  });

  test("round-trips anything under any subject", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 2_000 }),
        fc.array(fc.string(), { maxLength: 4 }),
        (bytes, about) => {
          const opened = open(rotated, seal(rotated, bytes, about), about);
          expect(opened.ok && Buffer.from(opened.bytes)).toEqual(Buffer.from(bytes));
        },
      ),
    );
  });

  test("has the shape the database demands, and nothing of the secret in it", () => {
    const envelope = seal(rotated, TOKEN, subject);
    // constraint destination_secrets_sealed_shape
    expect(envelope).toMatch(/^v1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$/);
    expect(envelope).not.toContain(TOKEN);
    expect(Buffer.from(envelope.split(".")[3]!, "base64url").includes(Buffer.from(TOKEN))).toBe(false);
  });

  test("is different each time: a nonce is never used twice", () => {
    const nonces = Array.from({ length: 500 }, () => seal(old, TOKEN, subject).split(".")[2]);
    expect(new Set(nonces).size).toBe(500);
  });

  test("cannot be made without a key", () => {
    expect(() => seal([], TOKEN, subject)).toThrow("key ring is empty");
  });
});

describe("a seal copied elsewhere", () => {
  const envelope = seal(old, TOKEN, subject);

  test.each([
    ["another shop's", tokenSubject("8f14e45f-ceea-467f-a8f5-0000000000bb", "meta")],
    ["another platform's", tokenSubject("8f14e45f-ceea-467f-a8f5-0000000000aa", "tiktok")],
    ["a quarantined webhook's", quarantineSubject("8f14e45f-ceea-467f-a8f5-0000000000aa", "meta")],
    ["nobody's", []],
    // what would be the same if the parts were joined with nothing between them
    ["one with the words cut elsewhere", ["destination_token", `${subject[1]}m`, "eta"]],
  ])("does not open as %s", (_whose, about) => {
    expect(open(old, envelope, about)).toEqual({ ok: false, reason: "seal_broken" });
  });
});

describe("keys that rotate", () => {
  test("what the older key sealed still opens, what is sealed now uses the newest", () => {
    const before = seal(old, TOKEN, subject);
    expect(open(rotated, before, subject)).toMatchObject({ ok: true, keyId: "k1" });
    const after = seal(rotated, TOKEN, subject);
    expect(after.split(".")[1]).toBe("k2");
    expect(clear(open(rotated, after, subject))).toBe(TOKEN);
  });

  test("a key that was taken out opens nothing any more", () => {
    expect(open([rotated[0]!], seal(old, TOKEN, subject), subject)).toEqual({
      ok: false,
      reason: "unknown_key",
    });
  });

  test("another key under the same id opens nothing", () => {
    expect(open([{ id: "k1", key: key(9) }], seal(old, TOKEN, subject), subject)).toEqual({
      ok: false,
      reason: "seal_broken",
    });
  });
});

describe("a seal that was touched", () => {
  test("any bit of nonce, text or tag changed breaks it", () => {
    fc.assert(
      fc.property(fc.constantFrom(2 as const, 3 as const), fc.nat(), fc.nat(7), (part, position, bit) => {
        const touched = changed(seal(old, TOKEN, subject), part, (bytes) => {
          const at = position % bytes.length;
          bytes[at] = bytes[at]! ^ (1 << bit);
          return bytes;
        });
        expect(open(old, touched, subject)).toEqual({ ok: false, reason: "seal_broken" });
      }),
    );
  });

  test("cut short or made longer it is broken or malformed, never open", () => {
    const envelope = seal(old, TOKEN, subject);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(2 as const, 3 as const),
        (length, part) => {
          const shorter = changed(
            envelope,
            part,
            (bytes) => bytes.subarray(0, Math.max(0, bytes.length - length)),
          );
          const longer = changed(envelope, part, (bytes) => Buffer.concat([bytes, Buffer.alloc(length)]));
          for (const touched of [shorter, longer]) expect(open(old, touched, subject).ok).toBe(false);
        },
      ),
    );
  });

  test.each([
    "",
    "v1",
    "v1.k1",
    "v1.k1.AAAAAAAAAAAAAAAA",
    "v1.k1.AAAAAAAAAAAAAAAA.",
    "v1.k1.AAAAAAAAAAAAAAAA.AAAA",
    "v1.k1.AAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "v1.k1..AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "v1..AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    `v2.${seal(old, TOKEN, subject).slice(3)}`,
    `${seal(old, TOKEN, subject)}.more`,
  ])("what is no envelope is malformed: %j", (text) => {
    expect(open(old, text, subject)).toEqual({ ok: false, reason: "malformed_seal" });
  });

  test("no text whatever makes it throw", () => {
    fc.assert(fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.string(), fc.string()).map(([nonce, body]) => `v1.k1.${nonce}.${body}`),
      ),
      (text) => {
        expect(open(old, text, subject).ok).toBe(false);
      },
    ));
  });
});
