import { expect, test } from "vitest";
import { attribute, hintedIdentifiers, ourAttributes } from "@trakit/shopify/attributes.ts";

const AT = Date.parse("2026-11-24T12:00:00.000Z");
const VALUES = {
  __trk_vid: ["visitor_id", "00112233445566778899aabbccddeeff", "not hex"],
  __trk_cid: ["client_id", "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "short"],
  __trk_fbp: ["fbp", "fb.1.1792998010123.1234567890", "fb.1.x"],
  __trk_fbc: ["fbc", "fb.1.1792998009000.IwZXh0", "IwZXh0"],
  __trk_ttclid: ["ttclid", "tt-1", "with blank"],
  __trk_ttp: ["ttp", "tp-1", "with;semicolon"],
  __trk_scid: ["scid", "0de3000a-7a1c-4e57-9a00-000000000001", "0de3000a"],
  __trk_sccid: ["sc_click_id", "sc-1", '"quoted"'],
  __trk_epik: ["epik", "ep-1", "x".repeat(1_001)],
  __trk_gclid: ["gclid", "g-1", "<script>"],
  __trk_ga: ["ga_client_id", "12.34", "1234"],
  __trk_gs: ["ga_session_id", "55", "s55"],
} as const;

const read = (attributes: unknown[]) =>
  hintedIdentifiers(ourAttributes(attributes.map((one) => attribute.parse(one))), null, AT);

test.each(Object.entries(VALUES))(
  "%s is a hint where it has the shape of one, and nothing else",
  (name, [field, good, bad]) => {
    expect(read([{ name, value: good }])[field]).toBe(good);
    for (const value of [bad, "", null, 7, { a: 1 }, [good]]) {
      expect(read([{ name, value }])[field])
        .toBeNull();
    }
  },
);

test("the first of a name counts; names that are not ours, and entries that are none, do not", () => {
  const name = "__trk_ttclid";
  expect(read([{ name, value: "first" }, { name, value: "second" }]).ttclid).toBe("first");
  expect(read([null, 7, "x", [], { name: 7, value: "x" }, { name: "trk_ttclid", value: "x" }]).ttclid)
    .toBeNull();
});

test("a customer is never taken from an attribute", () => {
  expect(read([{ name: "__trk_customer_id", value: "7012345678901" }]).customer_id).toBeNull();
});

test("the first page's click ids stand in where the cart has none", () => {
  const landing = "/?fbclid=AbC&ttclid=tt&ScCid=sc&epik=ep&gclid=g";
  expect(hintedIdentifiers(new Map(), landing, AT)).toMatchObject({
    fbc: `fb.1.${AT}.AbC`,
    ttclid: "tt",
    sc_click_id: "sc",
    epik: "ep",
    gclid: "g",
  });
  expect(hintedIdentifiers(new Map([["__trk_ttclid", "own"]]), landing, AT).ttclid).toBe("own");
});
