import { expect, test } from "vitest";
import { at, fromShopify, HOUR } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();

const order = (change = {}) =>
  fromShopify("checkout_completed", {
    commerce: { order_id: "77", order_name: "#7", total: "10", currency: "EUR", taxes_included: true },
    digests: { "email.lower": ["a"] },
    identifiers: { customer_id: "5", fbp: "fb.1.2.3" },
    client: { country: "DE", ip: "203.0.113.9" },
    ...change,
  });
const refund = () =>
  fromShopify("order_refunded", {
    channel: "other",
    commerce: { order_id: "77", total: "4", currency: "EUR" },
    consent: {},
    topic: "refunds/create",
  });

test("a refund has its order's person, channel, consent and client, also when both come in one call", async () => {
  for (const together of [true, false]) {
    const shop = await newShop(db, { country: "DE" });
    const answers = together ? [await shop.ingest([order(), refund()], { slots: 10 })] : [
      await shop.ingest([order()], { slots: 10 }),
      await shop.ingest([refund()], { slots: 10, now: at(HOUR) }),
    ];
    const result = answers.at(-1)!.results.at(-1)!;
    expect(result).toMatchObject({
      status: "accepted",
      // what is sent at once is what is stored
      event: {
        channel: "web",
        digests: { "email.lower": ["a"] },
        identifiers: { fbp: "fb.1.2.3" },
        commerce: { total: "4", order_name: "#7", taxes_included: true },
        client: { country: "DE", ip: "203.0.113.9" },
      },
    });
    expect(answers.flatMap((answer) => answer.sends)).toHaveLength(2);
  }
});

test("a refund of an order from a channel that is not sent is not sent", async () => {
  const shop = await newShop(db);
  await shop.ingest([order({ channel: "pos" })]);
  await shop.ingest([refund()], { now: at(HOUR) });
  expect((await shop.deliveries()).map((row) => row.reason)).toEqual(["source_excluded", "source_excluded"]);
});
