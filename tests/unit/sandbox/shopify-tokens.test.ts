import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { shopTokens } from "@trakit/sandbox/admin/tokens.ts";

let now = 1_000_000;
const start = (secret = "s") =>
  shopTokens({
    now: () => now,
    hex: (bytes) => randomBytes(bytes).toString("hex"),
    scope: () => "x",
    secret,
  });

test("a stand-in that is started anew knows the tokens of its former life, and no made-up ones", () => {
  const issued = start().issue();
  now += 1_000;
  const anew = start();
  expect(anew.accept(issued.access_token)).toBe(true);
  expect(anew.refresh(issued.refresh_token)).not.toBeNull();
  // the refresh token was used in this life
  expect(anew.accept(issued.access_token)).toBe(true);
  const another = start("another app's");
  expect(another.accept(issued.access_token)).toBe(false);
  expect(another.refresh(issued.refresh_token)).toBeNull();
  expect(anew.accept(issued.access_token.replace(/.$/, (c) => c === "0" ? "1" : "0"))).toBe(false);
  now += 3_600_000;
  expect(anew.accept(issued.access_token)).toBe(false);
});

test("what was revoked stays revoked, and what was replaced in this life is not taken up again", () => {
  const tokens = start();
  const first = tokens.issue();
  const second = tokens.refresh(first.refresh_token)!;
  expect(tokens.accept(second.access_token)).toBe(true);
  expect(tokens.refresh(first.refresh_token)).toBeNull();
  tokens.revoke();
  expect(tokens.accept(second.access_token)).toBe(false);
  expect(tokens.refresh(second.refresh_token)).toBeNull();
});
