/** Nothing the storefront asks for, and no name it leaves in a page, is a word that filter lists match. */
import { readdirSync, readFileSync } from "node:fs";
import { FiltersEngine, Request } from "@ghostery/adblocker";
import { describe, expect, test } from "vitest";
import { SCRIPTS } from "@trakit/storefront/built/scripts.ts";
import { FILTER_RULES } from "../../support/filter-rules.ts";

const engine = FiltersEngine.parse(FILTER_RULES);
const embed = new URL("../../../packages/storefront/extensions/trakit-embed/", import.meta.url);

function blocked(url: string, type: "script" | "xmlhttprequest"): boolean {
  return engine.match(
    Request.fromRawDetails({ url, type, sourceUrl: "https://blue-mugs.example/products/mug" }),
  ).match;
}

describe("filter lists", () => {
  test("the engine and the rules block what they should", () => {
    expect(blocked("https://connect.facebook.net/en_US/fbevents.js", "script")).toBe(true);
    expect(blocked("https://blue-mugs.example/apps/acme/pixel.js", "script")).toBe(true);
    expect(blocked("https://blue-mugs.example/apps/acme/tracking/event", "xmlhttprequest")).toBe(true);
    expect(blocked("https://blue-mugs.example/cart.js", "script")).toBe(false);
  });

  test.each([
    "https://blue-mugs.example/apps/trakit",
    "https://blue-mugs.example/tools/t-rk",
    "https://t.blue-mugs.example/x",
  ])(
    "every address below %s passes",
    (base) => {
      const scripts = Object.keys(SCRIPTS);
      expect(scripts).toContain("trakit.js");
      for (const name of scripts) expect([name, blocked(`${base}/${name}`, "script")]).toEqual([name, false]);
      for (const path of ["session", "event", "event?key=blue-mugs.7snYwolvnTWl9q14zEF-7w"]) {
        expect([path, blocked(`${base}/${path}`, "xmlhttprequest")]).toEqual([path, false]);
      }
    },
  );

  test("the extension's files pass on Shopify's host", () => {
    for (const name of readdirSync(new URL("assets/", embed))) {
      const url = `https://cdn.shopify.com/extensions/0199/trakit-7/assets/${name}`;
      expect([name, blocked(url, "script")]).toEqual([name, false]);
    }
  });

  test("no script or block names a vendor's host", () => {
    const texts = [
      ...Object.values(SCRIPTS).map(({ text }) => text),
      readFileSync(new URL("blocks/trakit.liquid", embed), "utf8"),
      readFileSync(new URL("../trakit-pixel/dist/pixel.js", embed), "utf8"),
    ];
    for (const text of texts) {
      expect(text).not.toMatch(
        /https?:\/\/|facebook|tiktok\.com|pinterest\.com|snapchat\.com|google\.com|googletagmanager/,
      );
    }
  });

  test("the only global is `trakit`, and stored names say nothing", () => {
    const { text } = SCRIPTS["trakit.js"]!;
    const stored = new Set(text.match(/_tk_[a-z]?/g));
    expect([...stored].sort()).toEqual([
      "_tk_",
      "_tk_a",
      "_tk_c",
      "_tk_h",
      "_tk_i",
      "_tk_l",
      "_tk_p",
      "_tk_q",
      "_tk_s",
      "_tk_u",
      "_tk_v",
    ]);
    expect(text).toMatch(/(self|globalThis)\.trakit/);
  });
});
