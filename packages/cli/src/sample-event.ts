import {
  type CanonicalEvent,
  emptyCommerce,
  EVENT_NAMES,
  type EventName,
  type Identifiers,
} from "@trakit/core/event.ts";
import { IDENTIFIER_LIST } from "@trakit/core/identifiers.ts";
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
    identifiers: Object.fromEntries(
      IDENTIFIER_LIST.map(({ name, example }) => [name, example]),
    ) as Identifiers,
    consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
  });
}
