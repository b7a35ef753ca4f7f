import { readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJson } from "@trakit/shopify/json.ts";
import { fixtureText } from "./fixture.ts";

function parsed(text: string): unknown {
  const result = parseJson(text);
  if (!result.ok) throw new Error("malformed");
  return result.value;
}

/** Every integer a double holds, also between 2^31 and 2^53. */
const safeValues = fc.jsonValue({ maxDepth: 5 }).map((value) =>
  JSON.parse(
    JSON.stringify(value, (_key, one) =>
      typeof one === "number" && Math.abs(one) > Number.MAX_SAFE_INTEGER ? 0.5 : one),
  )
);

describe("JSON without rounded ids", () => {
  test("Shopify's own sample order id keeps its digits", () => {
    expect(parsed('{"id":820982911946154508}')).toEqual({ id: "820982911946154508" });
    expect(parsed("[820982911946154508,-820982911946154508 , 1]")).toEqual([
      "820982911946154508",
      "-820982911946154508",
      1,
    ]);
  });

  test("the largest integers a double holds stay numbers, the next ones are strings", () => {
    expect(parsed("[9007199254740991,-9007199254740991,1000000000000000]")).toEqual([
      9007199254740991,
      -9007199254740991,
      1000000000000000,
    ]);
    expect(parsed("[9007199254740992,9007199254740993]")).toEqual(["9007199254740992", "9007199254740993"]);
  });

  test("decimals and exponents are left to JSON.parse", () => {
    const text = "[0.12345678901234567890,1234567890123456789.5,12345678901234567890e2,1e400,-0]";
    expect(parsed(text)).toEqual(JSON.parse(text));
  });

  test("digits inside strings and keys are text, whatever stands before the closing quote", () => {
    const text = String
      .raw`{"a":"820982911946154508","820982911946154508":"\"820982911946154508,","b\\":820982911946154508,"c\\\"":"x:820982911946154508"}`;
    expect(parsed(text)).toEqual({ ...JSON.parse(text), "b\\": "820982911946154508" });
  });

  test("a __proto__ or constructor key is an own property and changes no prototype", () => {
    const value = parsed(
      '{"__proto__":{"polluted":1,"id":820982911946154508},"constructor":{"prototype":{"x":1}}}',
    ) as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each([
    [""],
    ["{"],
    ['{"a":}'],
    ["nul"],
    ["01234567890123456789"],
    ["1 820982911946154508"],
    ["{820982911946154508:1}"],
    ['{"a":820982911946154508'],
    ["-"],
    ["820982911946154508."],
    ['"820982911946154508'],
  ])("%j is malformed, also where quoting the id would have made it JSON", (text) => {
    expect(parseJson(text)).toEqual({ ok: false, reason: "malformed_json" });
  });

  test("says of any text exactly what JSON.parse says, but for unsafe integers", () => {
    fc.assert(fc.property(safeValues, fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
      // The long digits make the rewriting run over the whole text.
      const text = JSON.stringify(["1234567890123456", value], null, indent);
      expect(parsed(text)).toEqual(JSON.parse(text));
    }));
    fc.assert(fc.property(fc.string(), (text) => {
      let expected: unknown;
      try {
        expected = { ok: true, value: JSON.parse(text) };
      } catch {
        expected = { ok: false, reason: "malformed_json" };
      }
      expect(parseJson(text)).toEqual(expected);
    }));
  });

  test("no 64-bit id loses a digit, wherever it stands", () => {
    const ids = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }), { minLength: 1, maxLength: 20 });
    fc.assert(fc.property(ids, fc.string({ unit: "binary" }), (all, noise) => {
      const body = all.map((id, index) => `${JSON.stringify(`${noise}${index}`)}: {"id" :${id}}`).join(",");
      const value = parsed(`{${body}}`) as Record<string, { id: number | string }>;
      all.forEach((id, index) => {
        const read = value[`${noise}${index}`]?.id;
        expect(String(read)).toBe(String(id));
        expect(typeof read).toBe(id > 2n ** 53n - 1n || id < -(2n ** 53n) + 1n ? "string" : "number");
      });
    }));
  });

  test("every sample payload reads as JSON.parse reads it: none of their ids is beyond 2^53", () => {
    const names = readdirSync(new URL("../../fixtures/shopify/", import.meta.url)).map((name) =>
      name.replace(/\.json$/, "")
    );
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) expect(parsed(fixtureText(name))).toEqual(JSON.parse(fixtureText(name)));
  });

  test("megabytes of quotes, backslashes and depth are read in linear time", () => {
    const strings = JSON.stringify(Array.from({ length: 100_000 }, () => '\\\\"'.repeat(5)));
    const text = `[1234567890123456789,${strings},"${"\\\\".repeat(500_000)}"]`;
    const started = performance.now();
    expect((parsed(text) as unknown[])[0]).toBe("1234567890123456789");
    expect(performance.now() - started).toBeLessThan(20_000);
    const deep = `${"[".repeat(100_000)}1234567890123456789${"]".repeat(100_000)}`;
    expect(parseJson(deep).ok).toBe(true);
  });
});
