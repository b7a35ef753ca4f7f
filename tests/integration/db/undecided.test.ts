import { describe, expect, test } from "vitest";
import { asConsented, fromStored, type StoredEvent, toStored } from "@trakit/core/stored.ts";
import { testDatabase } from "../../support/database.ts";
import { at, type CapturedCopy, type CopyOptions, fromBrowser, fromShopify } from "../../support/captured.ts";
import { dumpLines } from "../../support/dump.ts";
import { newShop, type Shop } from "../../support/shop.ts";

const db = await testDatabase();

/** What a copy brings of a person, each value to be found again wherever it stands. */
function person(mark: string) {
  return {
    identifiers: {
      visitor_id: mark.padEnd(32, "0"),
      fbp: `fb.1.1.${mark}`,
      ga_client_id: `${mark}.ga`,
      customer_id: `${mark}77`,
    },
    digests: { "email.lower": [`${mark}-digest`] },
    page: { url: `https://shop.example/${mark}`, title: `title ${mark}` },
    client: { ip: `${mark}-ip`, user_agent: `${mark}-agent`, city: `${mark}-city`, policy_country: "DE" },
  };
}

async function traces(mark: string): Promise<string[]> {
  return (await dumpLines(db)).filter((line) => line.includes(mark));
}

const of = (source: "browser" | "webhook") => source === "browser" ? fromBrowser : fromShopify;
const NAMES: [string, "browser" | "webhook"][] = [
  ["page_viewed", "browser"],
  ["product_added_to_cart", "browser"],
  ["checkout_started", "browser"],
  ["checkout_completed", "browser"],
  ["customer_registered", "browser"],
  ["checkout_started", "webhook"],
  ["checkout_completed", "webhook"],
  ["customer_registered", "webhook"],
];

describe("without a decision where consent is asked for", () => {
  test.each(NAMES)("nothing of the person is stored of %s by %s", async (name, source) => {
    const shop = await newShop(db, { country: "US", platforms: ["meta", "google"] });
    const mark = `u${Math.random().toString(16).slice(2, 10)}`;
    const copy = of(source)(name, {
      ...person(mark),
      consent: {},
      commerce: { order_id: "9", total: "49.90" },
    });
    const answer = await shop.ingest([copy], { slots: 5 });
    expect(answer).toMatchObject({ results: [{ status: "accepted" }], sends: [], visitor: {} });
    expect(await traces(mark)).toEqual([]);
    expect(await shop.events()).toMatchObject([{
      visitor_id: null,
      identifiers: {},
      digests: {},
      page: {},
      commerce: { total: "49.90" },
    }]);
    expect((await shop.deliveries()).map((row) => row.reason)).toEqual([
      "consent_unknown",
      "consent_unknown",
    ]);
    expect(await shop.visitors()).toEqual([]);
    expect(await db.query("postgres", "select from trakit.customers where shop_id = $1", [shop.id])).toEqual(
      [],
    );
  });

  test("what one purpose allows is stored, and what serves only the other is not", async () => {
    const shop = await newShop(db, { country: "DE", platforms: ["meta", "google"] });
    const answer = await shop.ingest([
      fromBrowser("page_viewed", { ...person("u1"), consent: { analytics: true } }),
      fromBrowser("page_viewed", { ...person("u2"), consent: { marketing: true } }),
      fromBrowser("page_viewed", { ...person("u3"), consent: { analytics: false } }),
    ], { slots: 9 });
    expect((await shop.events()).map((event) => Object.keys(event["identifiers"] as object).sort())).toEqual([
      ["customer_id", "ga_client_id", "visitor_id"],
      ["customer_id", "fbp", "visitor_id"],
      [],
    ]);
    // who sends it at once sends no more than what is stored
    expect(answer.results.map((result) => result.event?.identifiers)).toMatchObject([
      { ga_client_id: "u1.ga" },
      { fbp: "fb.1.1.u2" },
      {},
    ]);
    expect(answer.results[0]!.event!.identifiers).not.toHaveProperty("fbp");
    // nor does the visitor learn it
    expect((await shop.visitors()).map((row) => Object.keys(row["identifiers"] as object).sort())).toEqual([
      ["customer_id", "ga_client_id", "visitor_id"],
      ["customer_id", "fbp", "visitor_id"],
    ]);
  });

  test("a destination that takes the undecided by its own setting gets what serves its purpose", async () => {
    const shop = await newShop(db, { country: "DE", platforms: ["meta", "google"] });
    await db.query(
      "postgres",
      "update trakit.destinations set settings = settings || jsonb '{\"unknown_consent\": \"send\"}' where shop_id = $1 and platform = 'meta'",
      [shop.id],
    );
    const answer = await shop.ingest([fromBrowser("page_viewed", { ...person("u4"), consent: {} })], {
      slots: 5,
    });
    expect(answer.sends).toHaveLength(1);
    const [event] = await shop.events();
    expect(event!["identifiers"]).toMatchObject({ fbp: "fb.1.1.u4" });
    expect(event!["identifiers"]).not.toHaveProperty("ga_client_id");
    expect(answer.results[0]!.event!.identifiers).not.toHaveProperty("ga_client_id");
  });

  test("an add to a cart and a refund store no more than their order and their browser", async () => {
    const shop = await newShop(db, { country: "DE", platforms: ["meta"] });
    await shop.ingest([
      fromShopify("checkout_completed", {
        ...person("u5"),
        consent: {},
        commerce: { order_id: "5", total: "9" },
      }),
      fromShopify("order_refunded", {
        consent: {},
        commerce: { order_id: "5", total: "9" },
        keys: ["event:order_refunded:r5"],
      }),
    ]);
    expect(await traces("u5")).toEqual([]);
  });

  test("where the policy is send or limited everything is stored", async () => {
    for (const unknown_consent of ["send", "limited"]) {
      const shop = await newShop(db, { country: "DE", settings: { unknown_consent }, platforms: ["meta"] });
      await shop.ingest([fromBrowser("page_viewed", { ...person("u6"), consent: {} })]);
      expect((await shop.events())[0]!["identifiers"]).toEqual(person("u6").identifiers);
    }
  });

  test("a later yes of the browser's does not bring back what it said before it", async () => {
    const shop = await newShop(db, { country: "DE", platforms: ["meta"] });
    const event_id = "e".repeat(32);
    await shop.ingest([fromBrowser("checkout_completed", { ...person("u7"), event_id, consent: {} })]);
    await shop.ingest([
      fromShopify("checkout_completed", {
        event_id,
        consent: { marketing: true },
        commerce: { order_id: "7" },
      }),
    ]);
    expect(await traces("u7")).toEqual([]);
  });
});

describe("where the person is decides what an undecided consent means", () => {
  const PLACES: [string, CopyOptions["client"], string | null, string][] = [
    ["a German region in a US shop", { policy_country: "DE" }, "US", "consent_unknown"],
    ["a US region in a German shop", { policy_country: "US" }, "DE", "sent"],
    ["a US address and a German region", { country: "US", policy_country: "DE" }, "US", "sent"],
    ["a German address and a US region", { country: "DE", policy_country: "US" }, "US", "consent_unknown"],
    ["nothing in a US shop", {}, "US", "sent"],
    ["nothing in a German shop", {}, "DE", "consent_unknown"],
    ["nothing at all", {}, null, "consent_unknown"],
    ["a region in a shop nobody knows the country of", { policy_country: "US" }, null, "sent"],
  ];
  test.each(PLACES)("%s", async (_, client, country, becomes) => {
    for (const source of ["browser", "webhook"] as const) {
      const shop = await newShop(db, { country, platforms: ["meta"] });
      const name = source === "browser" ? "page_viewed" : "checkout_completed";
      await shop.ingest([of(source)(name, { client: client!, consent: {} })]);
      expect((await shop.delivery()).reason ?? "sent").toBe(becomes);
    }
  });

  const id = { event_id: "d".repeat(32) };
  const browser = (consent: object) =>
    fromBrowser("checkout_completed", { ...id, client: { policy_country: "DE" }, consent });
  const order = (client: object) =>
    fromShopify("checkout_completed", {
      ...id,
      client,
      consent: {},
      commerce: { order_id: "9", total: "1" },
    });

  test("a digital order without an address is judged by where its browser is", async () => {
    const shop = await newShop(db, { country: "US", platforms: ["meta"] });
    await shop.ingest([browser({})]);
    await shop.ingest([order({ ip: "of-the-order" })], { slots: 5 });
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_unknown" });
    expect(await traces("of-the-order")).toEqual([]);
  });

  test("an order that is stored already loses what it held when its browser tells where it is", async () => {
    const shop = await newShop(db, { country: "US", platforms: ["meta"] });
    await shop.ingest([order({ ip: "of-that-order" })]);
    expect(await shop.delivery()).toMatchObject({ state: "pending" });
    await shop.ingest([browser({})], { now: at(2), slots: 5 });
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_unknown" });
    expect(await traces("of-that-order")).toEqual([]);
  });

  test("a browser is given back nothing without a decision where it says it is", async () => {
    const shop = await newShop(db, { country: "US", platforms: ["meta"] });
    const open = async (country: string | null) => {
      const [row] = await db.query<{ opened: { purposes: object } }>(
        "trakit_edge",
        "select trakit.open_session($1, $2, $3, $4) as opened",
        [
          shop.domain,
          JSON.stringify({ keys: {}, host: null, refused: {} }),
          JSON.stringify({ prefix: "", origin: null, events: 1, consent: {}, country }),
          at(0),
        ],
      );
      return row!.opened.purposes;
    };
    expect(await open(null)).toEqual({ analytics: true, marketing: true });
    expect(await open("DE")).toEqual({ analytics: false, marketing: false });
    expect(await open("CA")).toEqual({ analytics: true, marketing: true });
  });
});

describe("a refusal of one copy", () => {
  const id = { event_id: "f".repeat(32) };
  const cases = ["checkout_completed", "checkout_started", "product_added_to_cart"].flatMap((name) =>
    (["browser", "webhook"] as const).flatMap((refuses) =>
      [true, false].map((first) => ({ name, refuses, first }))
    )
  );
  test.each(cases)(
    "stops sending and strips both: $name, refused by $refuses, first: $first",
    async ({ name, refuses, first }) => {
      const shop: Shop = await newShop(db, { country: "US", platforms: ["meta", "google"] });
      const mark = `r${Math.random().toString(16).slice(2, 10)}`;
      const says = refuses === "browser" ? "webhook" : "browser";
      const refused = of(refuses)(name, { ...id, consent: { marketing: false, analytics: false } });
      const said = of(says)(name, { ...id, ...person(mark), consent: { marketing: true, analytics: true } });
      for (const copy of first ? [refused, said] : [said, refused]) await shop.ingest([copy]);
      expect(JSON.stringify(await shop.events())).not.toContain(mark);
      expect((await shop.deliveries()).map((row) => row.reason)).toEqual([
        "consent_denied",
        "consent_denied",
      ]);
    },
  );

  test("of a registration joined by a typed address strips its own copy alone", async () => {
    const shop = await newShop(db, { country: "US", platforms: ["meta"] });
    await shop.ingest([
      fromShopify("customer_registered", { ...id, ...person("r1"), client: {}, consent: {} }),
    ]);
    await shop.ingest([
      fromBrowser("customer_registered", { ...id, consent: { marketing: false, analytics: false } }),
    ]);
    expect(JSON.stringify(await shop.events())).toContain("r1-digest");
  });
});

test("SQL strips as TypeScript does", async () => {
  const consents = [true, false, undefined].flatMap((analytics) =>
    [true, false, undefined].map((marketing) => ({ analytics, marketing }))
  );
  const whole = (copy: CapturedCopy) => fromStored(copy.event as unknown as StoredEvent);
  for (const consent of consents) {
    const copy = fromBrowser("page_viewed", {
      ...person("s1"),
      client: { ip: "i", country: "FR", policy_country: "DE" },
      consent,
    });
    const [row] = await db.query<{ kept: Record<string, unknown> }>(
      "postgres",
      "select trakit.as_consented($1, $1::jsonb -> 'consent') as kept",
      [JSON.stringify(copy.event)],
    );
    expect(row!.kept).toEqual(JSON.parse(JSON.stringify(toStored(asConsented(whole(copy))))));
  }
});
