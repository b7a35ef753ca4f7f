import type { Installation } from "@trakit/db/calls/find-installation.ts";
import type { SetupSignals } from "@trakit/db/calls/setup-signals.ts";
import { setupOf } from "../contracts/installation.ts";
import type { Check, DestinationAnswer } from "../contracts/merchant.ts";

/** Something that came within a day counts as working. */
const FRESH_MS = 24 * 3_600_000;

/**
 * What is set up and what is not, in the order a merchant does it. Facts where Shopify told them, else what a week's events
 * show: that nothing came yet is not proof that nothing would.
 */
export function setupChecks(
  installation: Installation | null,
  signals: SetupSignals,
  destinations: DestinationAnswer[],
  nowMs: number,
): Check[] {
  const setup = installation && setupOf(installation);
  const fresh = (at: string | null) => at !== null && nowMs - Date.parse(at) < FRESH_MS;
  const seen = (check: string, at: string | null, working: string, never: string, quiet: string): Check =>
    at === null
      ? { check, state: "missing", detail: never }
      : fresh(at)
      ? { check, state: "ok", detail: working }
      : { check, state: "unknown", detail: quiet };
  const sending = destinations.filter((one) => one.configured && one.enabled);
  const held = sending.filter((one) => one.lane === "held");
  const ending = sending.filter((one) => one.connection?.state === "reconnect");
  return [
    setup?.token === "ok"
      ? { check: "shopify_token", state: "ok", detail: "Shopify has given the app a token." }
      : { check: "shopify_token", state: "missing", detail: "Open the app from Shopify's admin once." },
    setup && setup.missing_scopes.length > 0
      ? { check: "scopes", state: "missing", detail: `Not granted: ${setup.missing_scopes.join(", ")}.` }
      : { check: "scopes", state: setup ? "ok" : "unknown", detail: "The scopes the app needs." },
    setup?.pixel === "connected"
      ? {
        check: "web_pixel",
        state: setup.pixel_trouble ? "warning" : "ok",
        detail: setup.pixel_trouble ?? "Connected.",
      }
      : { check: "web_pixel", state: "missing", detail: setup?.pixel_trouble ?? "Not connected yet." },
    seen(
      "theme_embed",
      signals.last_embed_at,
      "Events of the theme embed arrive.",
      "No event of the theme embed in a week: switch it on in the theme editor.",
      "No event of the theme embed in a day.",
    ),
    seen(
      "proxy",
      signals.last_browser_at,
      "The storefront reaches TrakIt.",
      "Nothing from the storefront in a week: check the app proxy's path.",
      "Nothing from the storefront in a day.",
    ),
    seen(
      "webhooks",
      signals.last_webhook_at,
      "Shopify's webhooks arrive.",
      "No webhook in a week: check the app's subscriptions, or place a test order.",
      "No webhook in a day.",
    ),
    sending.length === 0
      ? { check: "destinations", state: "missing", detail: "No destination is enabled." }
      : held.length > 0
      ? {
        check: "destinations",
        state: "warning",
        detail: `Held: ${held.map((one) => one.label).join(", ")}. Enter a new token.`,
      }
      : ending.length > 0
      ? {
        check: "destinations",
        state: "warning",
        detail: `Connect again: ${
          ending.map((one) => one.label).join(", ")
        }. The platform no longer renews the token.`,
      }
      : { check: "destinations", state: "ok", detail: `${sending.length} enabled.` },
    signals.own_tags.length > 0
      ? {
        check: "double_counting",
        state: "warning",
        detail:
          `Tags of ${
            signals.own_tags.join(", ")
          } fire on the shop's pages too. They share our event ids; switch off a ` +
          "platform's own Shopify channel, which does not.",
      }
      : {
        check: "double_counting",
        state: "unknown",
        detail:
          "No tag of a platform's was seen. A platform's own Shopify channel cannot be seen from here: switch its " +
          "conversion sharing off.",
      },
  ];
}
