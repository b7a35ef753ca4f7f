import { randomUUID } from "node:crypto";
import { EMPTY_CLIENT, EMPTY_IDENTIFIERS, EMPTY_PAGE, type EventName } from "@trakit/core/event.ts";
import type { Outcome } from "@trakit/core/outcome.ts";
import { destination } from "@trakit/destinations/registry.ts";
import { EXAMPLE_ORDER, exampleEvent } from "@trakit/destinations/shared/example-event.ts";
import { askOnce, baseOf, credentialsOf } from "./destinations.ts";
import { type MerchantWorld, type Refusal, refusal } from "./world.ts";

/**
 * Sends one made-up event of a made-up visitor, in the platform's test mode only: in the live account it would be a
 * conversion nobody made. Stored nowhere. What the platform said comes back.
 */
export async function sendTestEvent(
  world: MerchantWorld,
  shop: { id: string; domain: string },
  name: string,
  event: Extract<EventName, "page_viewed" | "checkout_completed">,
): Promise<{ ok: true; outcome: Outcome; eventId: string } | Refusal> {
  const platform = destination(name);
  if (!platform) return refusal(404, "not_found", "There is no such platform.");
  const found = await credentialsOf(world, shop, name);
  if (!found.ok) return found;
  if (found.row.test_code === null) {
    return refusal(409, "no_test_code", "The destination is not in test mode.", {
      detail: `Enter a test code first. ${platform.testMode.about}`,
    });
  }
  const settings = platform.settings.parse(found.row.settings);
  const eventId = randomUUID().replaceAll("-", "");
  const mapped = platform.map(
    exampleEvent(event, {
      event_id: eventId,
      occurred_at: new Date(world.now() - 1_000).toISOString(),
      test: true,
      source: event === "checkout_completed" ? "webhook" : "browser",
      page: { ...EMPTY_PAGE, url: `https://${shop.domain}/`, title: "TrakIt test event" },
      commerce: event === "checkout_completed"
        ? { ...EXAMPLE_ORDER, order_id: `test-${eventId.slice(0, 12)}`, checkout_token: eventId }
        : exampleEvent(event).commerce,
      // an address of the documentation range (RFC 5737) and identifiers of nobody
      client: {
        ...EMPTY_CLIENT,
        ip: "192.0.2.1",
        user_agent: "Mozilla/5.0 (TrakIt test event)",
        country: "US",
        region_code: "NY",
      },
      identifiers: {
        ...EMPTY_IDENTIFIERS,
        visitor_id: eventId,
        ga_client_id: `${parseInt(eventId.slice(0, 7), 16)}.${Math.floor(world.now() / 1000)}`,
      },
      digests: { "email.lower": [eventId.padEnd(64, "0")], "external_id.plain": [eventId.padEnd(64, "1")] },
      consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
    }),
    { settings, limited: false, now: world.now() },
  );
  if (!mapped.ok) {
    return refusal(
      422,
      mapped.reason,
      "The platform has no form for this event.",
      mapped.detail ? { detail: mapped.detail } : {},
    );
  }
  const outcome = await askOnce(
    world,
    platform,
    platform.request([mapped.body], {
      settings,
      ...found.credentials,
      baseUrl: baseOf(world, platform),
      testCode: found.row.test_code,
    }),
  );
  world.log.info("test_event_sent", { platform: name, outcome: outcome.kind, reason: outcome.reason });
  return { ok: true, outcome, eventId };
}
