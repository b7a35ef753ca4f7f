import { describe, expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { fromBrowser, fromShopify } from "../../support/captured.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();

const GIVEN = [true, false, undefined] as const;
const SETTINGS = ["send", "limited", "skip", null] as const;
/** Where silence is no consent: the EEA, the UK and Switzerland (docs/privacy.md). */
const STRICT = ["DE", "NO", "GB", "CH"];
const EVENT_COUNTRIES = ["US", ...STRICT, undefined] as const;
const SHOP_COUNTRIES = ["US", "DE", null] as const;

/** What must become of a delivery for a purpose: written down apart from the SQL. */
function expected(
  given: boolean | undefined,
  setting: string | null,
  eventCountry: string | undefined,
  shopCountry: string | null,
): { state: string; reason: string | null; limited: boolean } {
  if (given === true) return { state: "pending", reason: null, limited: false };
  if (given === false) return { state: "skipped", reason: "consent_denied", limited: false };
  const country = eventCountry ?? shopCountry;
  const policy = setting ?? (country === null || STRICT.includes(country) ? "skip" : "send");
  if (policy === "skip") return { state: "skipped", reason: "consent_unknown", limited: false };
  return { state: "pending", reason: null, limited: policy === "limited" };
}

describe.each(SETTINGS)("unknown_consent = %s", (setting) => {
  test.each(SHOP_COUNTRIES)(
    "decides every purpose, state and country in a shop of %s",
    async (shopCountry) => {
      const shop = await newShop(db, {
        country: shopCountry,
        settings: { unknown_consent: setting },
        platforms: ["meta", "google"],
      });
      const cases = EVENT_COUNTRIES.flatMap((country) =>
        GIVEN.flatMap((marketing) => GIVEN.map((analytics) => ({ country, marketing, analytics })))
      );
      const answer = await shop.ingest(
        cases.map(({ country, marketing, analytics }) =>
          fromBrowser("page_viewed", {
            consent: { marketing, analytics },
            client: country ? { country } : {},
          })
        ),
      );
      const rows = await shop.deliveries();
      const events = await shop.events();
      cases.forEach(({ country, marketing, analytics }, index) => {
        const event = events.find((row) => row.event_id === answer.results[index]!.event_id)!;
        for (const [platform, given] of [["meta", marketing], ["google", analytics]] as const) {
          const row = rows.find((one) => one.event_row === String(event["id"]) && one.platform === platform)!;
          expect({
            country,
            given,
            platform,
            state: row.state,
            reason: row.reason,
            limited: row.state === "pending" && row.limited,
          })
            .toEqual({ country, given, platform, ...expected(given, setting, country, shopCountry) });
        }
      });
      expect(rows).toHaveLength(cases.length * 2);
    },
  );
});

test("a sale of data refused switches the vendor's limited mode and nothing else", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  for (const sale_of_data of GIVEN) {
    await shop.ingest([fromBrowser("page_viewed", { consent: { marketing: true, sale_of_data } })]);
  }
  expect((await shop.deliveries()).map((row) => [row.state, row.limited])).toEqual([
    ["pending", false],
    ["pending", true],
    ["pending", false],
  ]);
});

describe("a destination's own policy beats the shop's", () => {
  test.each(
    [
      ["send", "skip", { state: "pending", reason: null, limited: false }],
      ["limited", "skip", { state: "pending", reason: null, limited: true }],
      ["skip", "send", { state: "skipped", reason: "consent_unknown", limited: false }],
      ["shop", "skip", { state: "skipped", reason: "consent_unknown", limited: false }],
      ["shop", "limited", { state: "pending", reason: null, limited: true }],
    ] as const,
  )("destination %s in a shop of %s", async (own, shops, outcome) => {
    const shop = await newShop(db, { settings: { unknown_consent: shops }, platforms: ["meta"] });
    await db.query(
      "postgres",
      "update trakit.destinations set settings = settings || jsonb_build_object('unknown_consent', $2::text) where shop_id = $1",
      [shop.id, own],
    );
    await shop.ingest([fromBrowser("page_viewed", { consent: {} })]);
    expect(await shop.deliveries()).toMatchObject([outcome]);
  });

  test("who refused the sale of data is left out where the merchant says so, and judged again with the second copy", async () => {
    const shop = await newShop(db, { platforms: ["meta", "google"] });
    await db.query(
      "postgres",
      "update trakit.destinations set settings = settings || jsonb '{\"sale_refused\": \"skip\"}' where shop_id = $1 and platform = 'meta'",
      [shop.id],
    );
    const consent = { marketing: true, analytics: true, sale_of_data: false };
    await shop.ingest([fromBrowser("page_viewed", { consent })]);
    expect(
      new Map((await shop.deliveries()).map((row) => [row.platform, [row.state, row.reason, row.limited]])),
    )
      .toEqual(
        new Map([
          ["meta", ["skipped", "sale_refused", true]],
          ["google", ["pending", null, true]],
        ]),
      );
  });
});

test("the limited mode reaches whoever sends it, at once or later", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  const limited = { consent: { marketing: true, sale_of_data: false } };
  expect((await shop.ingest([fromBrowser("page_viewed", limited)], { slots: 1 })).sends[0]!.limited).toBe(
    true,
  );
  await shop.ingest([fromBrowser("page_viewed", limited)]);
  expect((await shop.claim("meta")).items[0]!.limited).toBe(true);
});

test("the consent on the event is what decided, and stays readable", async () => {
  const shop = await newShop(db);
  const consent = { marketing: false, analytics: true, preferences: true, sale_of_data: false };
  await shop.ingest([fromBrowser("page_viewed", { consent })]);
  expect((await shop.events())[0]!["consent"]).toEqual(consent);
});

test("a refusal on the browser's copy holds for the order that follows", async () => {
  const shop = await newShop(db, { country: "US" });
  const id = { event_id: "e".repeat(32), commerce: { order_id: "9" } };
  await shop.ingest([
    fromBrowser("checkout_completed", { ...id, consent: { marketing: false, analytics: true } }),
  ]);
  await shop.ingest([fromShopify("checkout_completed", { ...id, consent: {} })], { slots: 5 });
  expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_denied" });
});

test("where no purpose is allowed no visitor is made, read or restored", async () => {
  const shop = await newShop(db, { platforms: ["meta", "google"] });
  const keys = { identifiers: { visitor_id: "1".repeat(32), fbp: "fb.1.known" } };
  await shop.ingest([fromBrowser("page_viewed", keys)]);
  const denied = {
    identifiers: { visitor_id: "1".repeat(32) },
    consent: { marketing: false, analytics: false },
  };
  const answer = await shop.ingest([fromBrowser("page_viewed", denied)]);
  expect(answer.visitor).toEqual({});
  // nothing beyond what it brought itself
  expect(answer.results[0]).not.toHaveProperty("identifiers");
  expect((await shop.events()).map((event) => event["visitor_id"] === null)).toEqual([false, true]);

  const stranger = { identifiers: { visitor_id: "2".repeat(32) }, consent: {}, client: { country: "DE" } };
  await shop.ingest([fromBrowser("page_viewed", stranger)]);
  expect(await shop.visitors()).toHaveLength(1);
});

test("a visitor who allowed only analytics is still one visitor", async () => {
  const shop = await newShop(db, { platforms: ["meta", "google"] });
  const event = fromBrowser("page_viewed", {
    identifiers: { visitor_id: "1".repeat(32) },
    consent: { marketing: false, analytics: true },
  });
  await shop.ingest([event]);
  expect(await shop.visitors()).toHaveLength(1);
  expect((await shop.deliveries()).map((row) => [row.platform, row.state])).toEqual([
    ["google", "pending"],
    ["meta", "skipped"],
  ]);
});

test("a copy that refuses every purpose takes the person out of what the other copy brought", async () => {
  const id = { event_id: "f".repeat(32), commerce: { order_id: "9", total: "49.90" } };
  const person = {
    identifiers: { fbp: "fb.1.1", customer_id: "77" },
    digests: { "email.lower": ["of-the-email"] },
    page: { url: "https://shop.example/thank-you" },
    client: { ip: "203.0.113.7", user_agent: "Mozilla", city: "Delft", country: "NL" },
  };
  const refused = { consent: { marketing: false, analytics: false } };
  for (const refusalFirst of [true, false]) {
    const shop = await newShop(db, {
      country: "US",
      settings: { unknown_consent: "send" },
      platforms: ["meta", "google"],
    });
    const copies = [
      fromBrowser("checkout_completed", { ...id, ...refused }),
      fromShopify("checkout_completed", { ...id, ...person, consent: {} }),
    ];
    for (const copy of refusalFirst ? copies : copies.reverse()) await shop.ingest([copy]);
    const [event] = await shop.events();
    const text = JSON.stringify(event);
    for (const trace of ["fb.1.1", "of-the-email", "thank-you", "203.0.113.7", "Mozilla", "Delft"]) {
      expect(text).not.toContain(trace);
    }
    expect(event).toMatchObject({ visitor_id: null, commerce: { total: "49.90" } });
    expect((await shop.deliveries()).map((row) => row.reason)).toEqual(["consent_denied", "consent_denied"]);
  }
});
