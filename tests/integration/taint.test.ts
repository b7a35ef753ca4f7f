/**
 * Promise 4, with a dye: every personal field of an order, a checkout and a browser's events carries a word found nowhere
 * else. They go through the whole stack, and the words are looked for in every request, table and log.
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IDENTIFIER_LIST, type IdentifierName } from "@trakit/core/identifiers.ts";
import { DEMO_SHOP } from "@trakit/cli/stack/defaults.ts";
import { dataFolder, DEMO_VENDORS, type TestStack, testStack, until } from "../support/stack.ts";
import { type Session, signed, YES } from "../support/storefront.ts";
import { runCli } from "../unit/cli/run-cli.ts";

const SECRET = "trakit-local-api-secret";
/** What may stand in clear in `event_clients` and at the vendors that take it so (docs/privacy.md). */
const CLEAR = ["qzçity", "qzcity", "qzregion", "qzpostal"];
/** Digests of the words are what is wanted; the words are not. In hexadecimal and base64 they would be as clear. */
const FIELDS =
  "email contactmail custmail first last street street2 company note custnote phone addrnote urlmail refmail search pixelmail pixelfirst pixelstreet delivery"
    .split(" ");
const WORDS = FIELDS.map((field) => `qz${field}`);
const PHONES = ["2125550187", "9175550143", "7185550161", "6465550129"];
/** A vendor's identifiers name a browser or a click: to that vendor only, Pinterest's `_pin_unauth` as a digest. */
const VENDORS = IDENTIFIER_LIST.filter(({ purpose }) => purpose !== null);
const DYED = Object.fromEntries(VENDORS.map(({ name, read, example }) => {
  const word = `qz${name.replaceAll("_", "")}identifier`;
  return [name, read(word) ?? example];
})) as Record<IdentifierName, string>;
const HASHED = "pin_unauth";
/** The demo shop does not send to Reddit, nor to those that are to come. */
const PLATFORM: Record<string, string> = {
  meta: "Meta",
  tiktok: "TikTok",
  pinterest: "Pinterest",
  snapchat: "Snapchat",
  google: "Google Analytics",
};
const PROOF = "5ec7e7aa".repeat(8);
const OFFLINE_SET = "7123456789012345678";

let data: Awaited<ReturnType<typeof dataFolder>>;
let running: TestStack;
beforeAll(async () => {
  data = await dataFolder();
  running = await testStack(data.path);
  await running.rows("update trakit.shops set excluded_channels = '{}'");
  for (
    const [platform, option, value] of [
      ["meta", "--appsecret-proof", PROOF],
      ["tiktok", "--offline-event-set", OFFLINE_SET],
    ] as const
  ) {
    const { environment } = running.stack;
    const set = await runCli(["destination", "set", DEMO_SHOP, platform, option, value], { environment });
    expect(set).toMatchObject({ code: 0 });
    expect(`${set.out}${set.err}`).not.toContain(PROOF);
  }
});
afterAll(async () => {
  await running?.close();
  await data?.remove();
});

// deno-lint-ignore no-explicit-any -- a webhook's payload, written by hand
type Payload = any;

function address(): Payload {
  return {
    first_name: "qzfirst",
    last_name: "qzlast",
    name: "qzfirst qzlast",
    company: "qzcompany",
    address1: "12 qzstreet",
    address2: "qzstreet2",
    phone: "(917) 555-0143",
    city: "Qzçity",
    province: "qzregion",
    province_code: "NY",
    zip: "qzpostal",
    country: "United States",
    country_code: "US",
    latitude: 40.7128001,
    longitude: -74.0060001,
  };
}

function order(): Payload {
  const now = new Date().toISOString();
  const guest = JSON.parse(readFileSync("tests/fixtures/shopify/order-web-guest.json", "utf8"));
  return {
    ...guest,
    id: 5890999000001,
    checkout_token: "a".repeat(32),
    created_at: now,
    processed_at: now,
    email: "qzemail@taint.example",
    contact_email: "qzcontactmail@taint.example",
    phone: "(212) 555-0187",
    note: "qznote",
    browser_ip: "203.0.113.77",
    landing_site: "/?email=qzurlmail%40taint.example&gclid=click-1&utm_source=x",
    referring_site: "https://elsewhere.example/?mail=qzrefmail@taint.example",
    billing_address: address(),
    shipping_address: address(),
    customer: {
      id: 6543210000001,
      email: "qzcustmail@taint.example",
      phone: "+17185550161",
      first_name: "qzfirst",
      last_name: "qzlast",
      note: "qzcustnote",
      default_address: address(),
    },
    shipping_lines: guest.shipping_lines.map((line: Payload) => ({ ...line, phone: "(646) 555-0129" })),
    note_attributes: [
      { name: "gift", value: "qzaddrnote" },
      { name: "__trk_consent", value: "a1m1p1s1" },
      ...VENDORS.flatMap(({ name, attribute, othersAttributes }) =>
        attribute === null ? [] : [{ name: othersAttributes[0] ?? attribute, value: DYED[name] }]
      ),
    ],
    test: false,
  };
}

/** The same person at a till. */
function sale(): Payload {
  return { ...order(), id: 5890999000002, checkout_token: "b".repeat(32), source_name: "pos" };
}

async function webhook(body: string): Promise<{ status: number; answer: Payload }> {
  const response = await fetch(`${running.stack.urls.api}/webhooks`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-shopify-topic": "orders/create",
      "x-shopify-shop-domain": DEMO_SHOP,
      "x-shopify-hmac-sha256": createHmac("sha256", SECRET).update(body).digest("base64"),
      "x-shopify-webhook-id": crypto.randomUUID(),
      "x-shopify-event-id": crypto.randomUUID(),
      "x-shopify-triggered-at": new Date().toISOString(),
      "x-shopify-api-version": "2026-07",
    },
    body,
  });
  return { status: response.status, answer: await response.json() };
}

async function atShop(place: string, body: unknown): Promise<Payload> {
  const response = await fetch(`${running.stack.urls.shop}/apps/trakit/${place}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect([place, response.status]).toEqual([place, response.status < 300 ? response.status : 202]);
  return await response.json();
}

async function browse(): Promise<void> {
  const { session } = await atShop("session", { consent: YES }) as { session: Session };
  const page = {
    url: "https://shop.example/?email=qzurlmail%40taint.example&phone=2125550187",
    title: "Shop",
  };
  const at = Date.now();
  const checkout = {
    email: "qzpixelmail@taint.example",
    phone: "212-555-0187",
    billingAddress: {
      firstName: "qzpixelfirst",
      lastName: "qzlast",
      address1: "qzpixelstreet 5",
      city: "Qzçity",
      countryCode: "US",
      phone: "917-555-0143",
    },
    delivery: {
      selectedDeliveryOptions: [{ type: "shipping", title: "Standard", description: "for qzdelivery" }],
    },
    currencyCode: "USD",
    totalPrice: { amount: 20, currencyCode: "USD" },
    lineItems: [{ title: "Mug", quantity: 1, finalLinePrice: { amount: 20, currencyCode: "USD" } }],
    transactions: [{ gateway: "shopify_payments", paymentMethod: { name: "qzdelivery" } }],
  };
  const events = [
    { name: "page_viewed", page, data: {} },
    {
      name: "search_submitted",
      page,
      data: { searchResult: { query: "qzsearch@taint.example", productVariants: [] } },
    },
    ...["checkout_contact_info_submitted", "checkout_shipping_info_submitted", "payment_info_submitted"].map(
      (name) => ({ name, page, data: { checkout } }),
    ),
  ].map((event, index) =>
    signed(session, {
      ...event,
      id: `taint-event-${index}-${at}`,
      timestamp: at,
    }, { at })
  );
  const answer = await atShop("event", {
    events,
    consent: YES,
    user_agent: "Mozilla/5.0 (taint)",
    visitor: Object.fromEntries(VENDORS.map(({ name, field }) => [field, DYED[name]])),
  });
  expect(answer.results.map((result: Payload) => result.status)).toEqual(events.map(() => "accepted"));
}

/** Every table of ours with all it holds, as text. */
async function tables(): Promise<[name: string, text: string][]> {
  const names = await running.rows<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('trakit', 'pgboss', 'cron', 'api') and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition`,
  );
  const found: [string, string][] = [];
  for (const { name } of names) {
    const [row] = await running.rows<{ text: string }>(
      `select coalesce(string_agg(t::text, E'\\n'), '') as text from ${name} t`,
    );
    found.push([name, row!.text]);
  }
  return found;
}

function logs(folder: string): [name: string, text: string][] {
  return readdirSync(folder).map((name) => join(folder, name)).filter((path) => statSync(path).isFile())
    .map((path) => [path, readFileSync(path, "utf8")]);
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** What shows that each field that is looked for went its way. */
const SIGHTS: [vendor: (typeof DEMO_VENDORS)[number], text: string][] = [
  ["meta", sha256("qzçity")],
  ["meta", sha256("qzcity")],
  ["meta", '"delivery_category":"home_delivery"'],
  ["meta", '"appsecret_proof":"***"'],
  ["tiktok", `"event_source_id":"${OFFLINE_SET}"`],
  ["meta", DYED.fbp],
  ["meta", DYED.fbc],
  ["tiktok", DYED.ttp],
  ["tiktok", DYED.ttclid],
  ["pinterest", DYED.epik],
  ["pinterest", sha256(DYED.pin_unauth)],
  ["snapchat", DYED.scid],
  ["snapchat", DYED.sc_click_id],
  ["google", DYED.ga_client_id],
  ["google", '"payment_type":"shopify_payments"'],
  ["google", '"shipping_tier":"Standard"'],
];

/** Those not yet in a request their vendor took. */
async function unseen(): Promise<string[]> {
  const accepted = (await running.requests()).filter(({ accepted, events }) => accepted && events.length > 0);
  return SIGHTS.filter(([vendor, text]) =>
    !accepted.some((one) => one.vendor === vendor && JSON.stringify(one.body).includes(text))
  ).map((sight) => sight.join(": "));
}

/** Which of `words` stand in a text, in any of the ways they could be written without being hidden. */
function seen(text: string, words: readonly string[]): string[] {
  const lower = text.toLowerCase();
  return words.filter((word) =>
    lower.includes(word.toLowerCase()) || lower.includes(Buffer.from(word).toString("hex")) ||
    text.includes(Buffer.from(word).toString("base64").replace(/=+$/, "").slice(0, -1))
  );
}

test(
  "no personal word of an order or a visit is in any request, table or log, but where it may be in clear",
  async () => {
    expect((await webhook(JSON.stringify(order()))).answer).toMatchObject({ status: "accepted" });
    expect((await webhook(JSON.stringify(sale()))).answer).toMatchObject({ status: "accepted" });
    // one we cannot read is kept sealed, and one that is no JSON is refused without a word of it
    expect((await webhook(JSON.stringify({ orders: [order()] }))).answer).toMatchObject({
      status: "quarantined",
    });
    await webhook('{"email":"qzemail@taint.example"');
    await browse();
    await until(
      async () => {
        const missing = await unseen();
        if (missing.length === 0) return true;
        throw new Error(missing.join("; "));
      },
      "every field at its vendor",
    );

    const requests = await running.requests();
    const forbidden = [...WORDS, ...PHONES];
    const identifiers = Object.values(DYED);
    for (const { vendor, path, body } of requests) {
      const text = `${path} ${JSON.stringify(body)}`;
      const others = VENDORS.filter((row) => row.name === HASHED || row.vendor !== PLATFORM[vendor])
        .map(({ name }) => DYED[name]);
      expect([vendor, seen(text, [...forbidden, ...others, PROOF])]).toEqual([vendor, []]);
      const clear = vendor === "google" || vendor === "tiktok" ? [] : CLEAR;
      expect([vendor, seen(text, clear)]).toEqual([vendor, []]);
    }
    // the test sees what it looks for
    expect(requests.some(({ body }) => seen(JSON.stringify(body), CLEAR).length > 0)).toBe(true);

    const stored = await tables();
    expect(stored.length).toBeGreaterThan(15);
    for (const [name, text] of stored) {
      expect([name, seen(text, forbidden)]).toEqual([name, []]);
      const clear = /(^|\.)event_clients/.test(name) ? [] : CLEAR;
      expect([name, seen(text, [...clear, PROOF])]).toEqual([name, []]);
    }
    expect(stored.some(([name, text]) => name.endsWith("event_clients") && seen(text, CLEAR).length > 0))
      .toBe(true);

    const written = logs(join(data.path, "logs"));
    expect(written.length).toBeGreaterThan(0);
    for (const [name, text] of written) {
      expect([name, seen(text, [...forbidden, ...CLEAR, ...identifiers, PROOF, "203.0.113.77"])]).toEqual([
        name,
        [],
      ]);
    }
  },
);
