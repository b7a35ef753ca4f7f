import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TOPICS } from "@trakit/pipeline/ingest/read-webhook.ts";
import { SCOPES } from "@trakit/runtime/shopify-scopes.ts";

/** `shopify.app.toml` says what the code does: who deploys it gets the scopes and webhooks the code counts on. */
const toml = readFileSync(new URL("../../../packages/storefront/shopify.app.toml", import.meta.url), "utf8");
const listOf = (name: string): string[] =>
  [...toml.matchAll(new RegExp(`^${name} = \\[([^\\]]*)\\]`, "gm"))].flatMap((match) =>
    [...match[1]!.matchAll(/"([^"]+)"/g)].map((one) => one[1]!)
  );

test("it subscribes to every topic that is read, and to no other", () => {
  expect([...listOf("topics"), ...listOf("compliance_topics")].sort()).toEqual([...TOPICS].sort());
});

test("it asks for the scopes the app needs, and the API version the code speaks", () => {
  expect(/^scopes = "([^"]+)"/m.exec(toml)![1]!.split(",")).toEqual([...SCOPES]);
  expect(/^api_version = "([^"]+)"/m.exec(toml)![1]).toBe("2026-10");
});
