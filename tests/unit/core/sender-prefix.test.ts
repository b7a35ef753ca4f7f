import fc from "fast-check";
import { expect, test } from "vitest";
import { senderPrefix } from "@trakit/core/sender-prefix.ts";

test.each([
  ["203.0.113.77", "203.0.113.0/24"],
  ["::ffff:203.0.113.77", "203.0.113.0/24"],
  ["::ffff:cb00:714d", "203.0.113.0/24"],
  ["2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234:5600::/56"],
  ["2001:0DB8:1234:56ff::1", "2001:db8:1234:5600::/56"],
  ["2001:db8::1", "2001:db8:0:0::/56"],
  ["::1", "0:0:0:0::/56"],
  [null, ""],
  ["", ""],
  ["unknown", ""],
  ["::1]/?x=", ""],
])("%s is one sender with %s", (address, prefix) => {
  expect(senderPrefix(address)).toBe(prefix);
});

test("every address of a /56 is one sender, and of another /56 another", () => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16));
  fc.assert(
    fc.property(
      fc.tuple(group, group, group),
      fc.nat(0xff),
      fc.nat(0xff),
      group,
      (head, low, other, tail) => {
        const at = (fourth: number) =>
          senderPrefix(`${["2a00", ...head.slice(1), fourth.toString(16)].join(":")}::${tail}`);
        expect(at(0x1200 + low)).toBe(at(0x1200 + other));
        expect(at(0x1200 + low)).not.toBe(at(0x1300 + other));
      },
    ),
  );
});

test("nothing throws", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
    expect(typeof senderPrefix(text)).toBe("string");
  }));
});
