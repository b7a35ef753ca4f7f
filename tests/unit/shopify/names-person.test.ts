import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { namesPerson } from "@trakit/shopify/names-person.ts";

const hex = (text: string) => createHash("sha256").update(text).digest("hex");
const nobody = { customers: [], orders: [], emails: [], phones: [], keys: [], tokens: [] };
const jane = {
  ...nobody,
  customers: ["7012345670001"],
  orders: ["5550001"],
  emails: [hex("jane.doe@example.com")],
  phones: [hex("+17185550001")],
  keys: ["0123456789abcdef0123456789abcdef"],
  tokens: ["Z2NwLWV1cm9wZS13ZXN0"],
};

describe("a webhook that could not be read names somebody", () => {
  test.each([
    ["by customer id", `{"customer": {"id": 7012345670001}}`],
    ["by customer id as a text", `{"customer_id": "gid://shopify/Customer/7012345670001"}`],
    ["by order id", `{"order_id":5550001,`],
    ["by an address", `{"email": "jane.doe@example.com"}`],
    ["by an address in capitals with blanks", `{"email": " Jane.Doe @EXAMPLE.com "}`],
    ["by an address with an escaped sign", `{"email": "jane.doe\\u0040example.com"}`],
    [
      "by an address in an attribute that is JSON itself",
      `{"value": "{\\"mail\\":\\"jane.doe\\\\u0040example.com\\"}"}`,
    ],
    ["by an address in a sentence", `{"note": "Please write to <jane.doe@example.com>."}`],
    ["by an address at a sentence's end", `{"note": "Write to jane.doe@example.com."}`],
    ["by an address in a link", `{"landing_site": "/?email=jane.doe%40example.com&utm=1"}`],
    ["by an address in what is cut off", `{"email": "jane.doe@example.com`],
    ["by an address in no JSON at all", `email: jane.doe@example.com\nid: 1`],
    ["by a number", `{"phone": "+1 718-555-0001"}`],
    ["by a number in its country's spelling", `{"phone": "(718) 555-0001", "country_code": "US"}`],
    ["by a number without a plus sign", `{"phone": 17185550001}`],
    [
      "by the id of a browser",
      `{"note_attributes": [{"name": "__trk_vid", "value": "0123456789abcdef0123456789abcdef"}]}`,
    ],
    ["by the token of a cart", `{"token": "Z2NwLWV1cm9wZS13ZXN0"`],
  ])("%s", (_, body) => {
    expect(namesPerson(body, jane)).toBe(true);
    expect(namesPerson(body, nobody)).toBe(false);
  });

  test.each([
    ["another's address", `{"email": "john.doe@example.com", "id": 70123456700011}`],
    ["another's address around theirs", `{"email": "mary-jane.doe@example.com"}`],
    ["an address that goes on", `{"email": "jane.doe@example.com.evil.example"}`],
    ["another's number", `{"phone": "+17185550002", "orders": [15550001, 55500011]}`],
    ["nothing", ""],
  ])("and does not by %s", (_, body) => {
    expect(namesPerson(body, jane)).toBe(false);
  });

  test.each([
    ["quotes and signs", `"@`.repeat(250_000)],
    ["signs alone", "@".repeat(2_000_000)],
    ["addresses", "a@b.c ".repeat(50_000)],
    ["digits and blanks", "1 ".repeat(1_000_000)],
    ["escapes", "\\u0040".repeat(300_000)],
    ["percent signs", "%40".repeat(600_000)],
    ["different numbers", Array.from({ length: 10_000 }, (_, n) => `"${7_000_000 + n}"`).join(",")],
  ])("in time in proportion to its length, whatever stands in it: %s", (_, body) => {
    const begun = performance.now();
    expect(namesPerson(body, jane)).toBe(false);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});
