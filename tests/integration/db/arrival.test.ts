import { describe, expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { at, type CapturedCopy, fromBrowser, fromShopify } from "../../support/captured.ts";
import { newShop } from "../../support/shop.ts";

/** Two copies of one event, each with a decision of its own: what is stored does not depend on which came first. */
const db = await testDatabase();

const DECISIONS: Record<string, object> = {
  yes: { analytics: true, marketing: true },
  no: { analytics: false, marketing: false },
  undecided: {},
  "analytics only": { analytics: true, marketing: false },
  "marketing, and nothing said of analytics": { marketing: true },
};
/** Address and browser's region of the two copies; the shop is in the US. */
const PLACES: Record<string, { webhook: object; browser: object }> = {
  "a German address": { webhook: { country: "DE" }, browser: {} },
  "a German browser and no address": { webhook: {}, browser: { policy_country: "DE" } },
  "a US address and a German browser": { webhook: { country: "US" }, browser: { policy_country: "DE" } },
  "a US browser and a German attribute": {
    webhook: { policy_country: "DE" },
    browser: { policy_country: "US" },
  },
};
const NAMES = ["checkout_completed", "checkout_started", "product_added_to_cart"];
const shop = await newShop(db, { country: "US", platforms: ["meta", "google"] });
let purchases = 0;

/** Both copies of an event nobody has heard of yet. */
function copies(name: string, place: { webhook: object; browser: object }, browser: object, webhook: object) {
  const number = ++purchases;
  const id = {
    event_id: String(number).padStart(32, "e"),
    commerce: { order_id: String(number), total: "9.90" },
  };
  return {
    browser: fromBrowser(name, {
      ...id,
      identifiers: {
        visitor_id: String(number).padStart(32, "b"),
        fbp: "fb.1.1.browser",
        ga_client_id: "1.browser",
      },
      digests: { "email.lower": ["of-the-browser"] },
      page: { url: "https://shop.example/browser", title: "browser" },
      client: { ip: "browser-ip", ...place.browser },
      consent: browser,
    }),
    webhook: fromShopify(name, {
      ...id,
      identifiers: { customer_id: "77", fbc: "fb.1.1.webhook", ga_session_id: "2.webhook" },
      digests: { "email.lower": ["of-the-webhook"], "phone.e164": ["phone-of-the-webhook"] },
      page: { url: "https://shop.example/webhook", referrer: "https://elsewhere.example/" },
      client: { city: "Ulm", ...place.webhook },
      consent: webhook,
    }),
  };
}

/** What is stored and becomes of them in this order of arrival; an order to be read again is. */
async function stored(both: ReturnType<typeof copies>, arrival: ("browser" | "webhook")[]) {
  for (const [place, side] of arrival.entries()) await shop.ingest([both[side]], { now: at(place) });
  const waiting = await db.query("postgres", "select from trakit.order_readings where shop_id = $1", [
    shop.id,
  ]);
  if (waiting.length > 0) {
    await shop.ingest([{ ...both.webhook, again: true } as CapturedCopy], { now: at(9) });
  }
  const [row] = await db.query<Record<string, unknown>>(
    "postgres",
    `select e.identifiers - 'visitor_id' as identifiers, e.digests, e.page, e.consent, e.visitor_id is not null as joined,
       (select to_jsonb(c) - array['captured_at', 'event_row', 'shop_id'] from trakit.event_clients c
        where c.captured_at = e.captured_at and c.event_row = e.id) as client,
       -- of two reasons not to send it the first one stands
       (select jsonb_object_agg(d.platform, d.state) from trakit.deliveries d
        where d.captured_at = e.captured_at and d.event_row = e.id) as states
     from trakit.events e where e.shop_id = $1 and e.event_id = $2`,
    [shop.id, both.browser.event["event_id"]],
  );
  return row;
}

describe.each(NAMES)("%s", (name) => {
  describe.each(Object.keys(PLACES))("with %s", (place) => {
    test.each(Object.keys(DECISIONS))("and a browser that says %s", async (said) => {
      for (const [ordered, webhook] of Object.entries(DECISIONS)) {
        const both = () => copies(name, PLACES[place]!, DECISIONS[said]!, webhook);
        const first = await stored(both(), ["browser", "webhook"]);
        const second = await stored(both(), ["webhook", "browser"]);
        expect(first).toBeDefined();
        expect({ ordered, ...second }).toEqual({ ordered, ...first });
      }
    });
  });
});
