import { readFileSync } from "node:fs";
import { parseJson } from "@trakit/shopify/json.ts";

export const SHOP = "trakit-demo.myshopify.com";

/** Raw text of a sample payload. */
export function fixtureText(name: string): string {
  return readFileSync(new URL(`../../fixtures/shopify/${name}.json`, import.meta.url), "utf8");
}

/** A sample payload as the webhook function parses it: a fresh copy each time, free to be changed. */
// deno-lint-ignore no-explicit-any
export function fixture(name: string): any {
  const parsed = parseJson(fixtureText(name));
  if (!parsed.ok) throw new Error(`${name} is no JSON`);
  return parsed.value;
}
