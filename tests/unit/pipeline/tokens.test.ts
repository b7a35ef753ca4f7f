import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { unsealedToken } from "@trakit/pipeline/dispatch/tokens.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
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
      expect(unsealedToken(ring, shop, destination)).toBe("token-in-clear");
    }
  }
  expect(opened()).toBe(destinations.length);
});

test("a replaced token is opened anew, and one that came back once more", () => {
  const { ring, opened } = counting();
  const { shop, destination } = sealed(ring);
  expect(unsealedToken(ring, shop, destination)).toBe("token-in-clear");
  const replaced = { ...destination, sealed: seal(ring, "the new one", tokenSubject(shop, "meta")) };
  expect(unsealedToken(ring, shop, replaced)).toBe("the new one");
  expect(unsealedToken(ring, shop, replaced)).toBe("the new one");
  expect(unsealedToken(ring, shop, destination)).toBe("token-in-clear");
  expect(opened()).toBe(3);
});

test("a seal of another shop or platform, or of no key we have, opens nothing, from memory neither", () => {
  const { ring } = counting();
  const { shop, destination } = sealed(ring);
  expect(unsealedToken(ring, shop, destination)).toBe("token-in-clear");
  expect(unsealedToken(ring, randomUUID(), destination)).toBeNull();
  expect(unsealedToken(ring, shop, { ...destination, platform: "tiktok" })).toBeNull();
  const others: KeyRing = [{ id: "k2", key: new Uint8Array(32).fill(8) }];
  expect(unsealedToken(others, randomUUID(), sealed(ring).destination)).toBeNull();
});
