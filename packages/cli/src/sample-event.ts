import { type CanonicalEvent, emptyCommerce, EVENT_NAMES, type EventName } from "@trakit/core/event.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_MUG,
  EXAMPLE_ORDER,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";
import { nearest } from "./nearest.ts";
import { CliProblem } from "./problem.ts";

const ORDERED: ReadonlySet<EventName> = new Set(["checkout_completed", "order_refunded"]);
const STEPS = /^(?:checkout_|payment_|cart_)/;

/** An event of that name by an invented, well-known visitor, so that everything a platform takes of it shows. Throws CliProblem. */
export function sampleEvent(word: string): CanonicalEvent {
  const name = EVENT_NAMES.find((known) => known === word);
  if (name === undefined) {
    const meant = nearest(word, EVENT_NAMES);
    throw new CliProblem(
      `There is no event "${word}".`,
      meant ? `Did you mean ${meant}?` : `Events are ${EVENT_NAMES.join(", ")}.`,
    );
  }
  const { digests } = captureDigests({
    emails: ["person@example.com"],
    phones: [{ value: "06-12345678", country: "NL" }],
    first_name: "John",
    last_name: "de Vries",
    street: "Keizersgracht 123-II",
    city: "Amsterdam",
    region: "Noord-Holland",
    region_code: "NH",
    postal_code: "1012 AB",
    country: "NL",
    external_ids: ["7016459804731"],
  });
  const one = {
    ...emptyCommerce(),
    currency: "EUR",
    items: [{ ...EXAMPLE_MUG, quantity: 1, line_discount: "0" }],
  };
  const several = { ...EXAMPLE_ORDER, ...(ORDERED.has(name) ? {} : { order_id: null, order_name: null }) };
  return exampleEvent(name, {
    source: ORDERED.has(name) ? "webhook" : "browser",
    page: { url: "https://mugs.example/?utm_source=news", referrer: "https://mugs.example/", title: "Mugs" },
    commerce: {
      ...(STEPS.test(name) || name === "order_refunded"
        ? several
        : name.startsWith("product_")
        ? one
        : emptyCommerce()),
      ...(name === "collection_viewed"
        ? { ...one, collection_id: "301", collection_title: "Mugs" }
        : name === "search_submitted"
        ? { search_query: "blue mug" }
        : {}),
    },
    digests,
    client: {
      ...EXAMPLE_CLIENT,
      city: "Amsterdam",
      region: "Noord-Holland",
      region_code: "NH",
      postal_code: "1012 AB",
    },
    identifiers: {
      visitor_id: "0123456789abcdef0123456789abcdef",
      client_id: null,
      customer_id: "7016459804731",
      fbp: "fb.1.1773480000123.1098115397",
      fbc: "fb.1.1773480001456.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk",
      ttp: "2MifKFvqOmXqHUtGfSpQJqZKnXJ",
      ttclid: "E.C.P.demoTikTokClickIdNotReal",
      epik: "dj0yJnU9demoNotReal",
      scid: "7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
      sc_click_id: "AbC-123",
      rdt_uuid: "1773480000123.7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
      rdt_cid: "3184742045291813272",
      pin_unauth: "dWlkPWRlbW9Ob3RSZWFs",
      ga_client_id: "1234567890.1747132561",
      ga_session_id: "1773480000",
      gclid: null,
    },
    consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
  });
}
