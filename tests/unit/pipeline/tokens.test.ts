import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { unsealed } from "@trakit/pipeline/dispatch/tokens.ts";
import { seal, settingSubject, tokenSubject } from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";

/** A ring that counts how often a seal is opened with it. */
function counting() {
  let opened = 0;
  const ring: KeyRing = [{ id: "k1", key: new Uint8Array(32).fill(7) }];
  const find = ring.find.bind(ring);
  ring.find = ((...args: Parameters<typeof find>) => (opened++, find(...args))) as typeof ring.find;
  return { ring, opened: () => opened };
}
const sealed = (ring: KeyRing, platform = "meta", token = "token-in-clear") => {
  const shop = randomUUID();
  return { shop, destination: { platform, sealed: seal(ring, token, tokenSubject(shop, platform)) } };
};

test("a token is opened once for a destination, however many are sent, also with ten thousand in turn", () => {
  const { ring, opened } = counting();
  const destinations = Array.from({ length: 10_000 }, () => sealed(ring));
  for (let minute = 0; minute < 3; minute++) {
    for (const { shop, destination } of destinations) {
      expect(unsealed(ring, shop, destination)?.token).toBe("token-in-clear");
    }
  }
  expect(opened()).toBe(destinations.length);
});

test("a replaced token is opened anew, and one that came back once more", () => {
  const { ring, opened } = counting();
  const { shop, destination } = sealed(ring);
  expect(unsealed(ring, shop, destination)?.token).toBe("token-in-clear");
  const replaced = { ...destination, sealed: seal(ring, "the new one", tokenSubject(shop, "meta")) };
  expect(unsealed(ring, shop, replaced)?.token).toBe("the new one");
  expect(unsealed(ring, shop, replaced)?.token).toBe("the new one");
  expect(unsealed(ring, shop, destination)?.token).toBe("token-in-clear");
  expect(opened()).toBe(3);
});

test("a seal of another shop or platform, or of no key we have, opens nothing, from memory neither", () => {
  const { ring } = counting();
  const { shop, destination } = sealed(ring);
  expect(unsealed(ring, shop, destination)?.token).toBe("token-in-clear");
  expect(unsealed(ring, randomUUID(), destination)).toBeNull();
  expect(unsealed(ring, shop, { ...destination, platform: "tiktok" })).toBeNull();
  const others: KeyRing = [{ id: "k2", key: new Uint8Array(32).fill(8) }];
  expect(unsealed(others, randomUUID(), sealed(ring).destination)).toBeNull();
});

test("a secret beside the token is opened with it, anew when it alone is replaced, and for its own place only", () => {
  const { ring } = counting();
  const { shop, destination } = sealed(ring);
  const proof = (value: string, name = "appsecret_proof", of = shop) => ({
    appsecret_proof: seal(ring, value, settingSubject(of, "meta", name)),
  });
  const before = { ...destination, secrets: proof("the proof") };
  expect(unsealed(ring, shop, before)).toEqual({
    token: "token-in-clear",
    secrets: { appsecret_proof: "the proof" },
  });
  const after = { ...destination, secrets: proof("the corrected proof") };
  expect(unsealed(ring, shop, after)?.secrets).toEqual({ appsecret_proof: "the corrected proof" });
  for (
    const other of [proof("x", "another_setting"), proof("x", "appsecret_proof", randomUUID()), {
      appsecret_proof: destination.sealed,
    }]
  ) {
    expect(unsealed(ring, shop, { ...destination, secrets: other })).toBeNull();
  }
});
