import { z } from "zod";
import { EVENT_NAMES, type EventName } from "@trakit/core/event.ts";
import { CONTENT_ID_FORMS, type ContentIdForm, VALUE_RULES, type ValueRule } from "../destination.ts";

/** What a destination does with an event whose visitor's consent nobody knows; `shop` = as the shop's own setting says. */
export const UNKNOWN_CONSENT_POLICIES = ["shop", "send", "limited", "skip"] as const;
/** What a destination does with an event whose visitor refused the sale of data. */
export const SALE_REFUSED_POLICIES = ["limited", "skip"] as const;

/** The settings every destination has besides its id. */
export interface CommonSettings {
  /** How an order's value is counted. */
  value: ValueRule;
  /** Which id stands for an item in the merchant's catalogue at the platform. */
  content_ids: ContentIdForm;
  /** Country of the catalogue in `shopify_country` ids, upper case; null = the buyer's. */
  content_country: string | null;
  /** Events without a standard name at the platform that go under a custom one: all, none or these. */
  custom_events: boolean | EventName[];
  /** Read by the database when it decides what is sent (docs/privacy.md). */
  unknown_consent: (typeof UNKNOWN_CONSENT_POLICIES)[number];
  /** Read by the database when it decides what is sent. */
  sale_refused: (typeof SALE_REFUSED_POLICIES)[number];
}

/** The zod shape of `CommonSettings`, with the platform's default value rule. The safe choice is the default everywhere. */
export function commonSettings(value: ValueRule) {
  return {
    value: z.enum(VALUE_RULES, `"value" must be one of ${VALUE_RULES.join(", ")}.`).default(value)
      .describe("How an order's value is counted: all the buyer paid, or less tax, shipping or both."),
    content_ids: z.enum(CONTENT_ID_FORMS, `"content_ids" must be one of ${CONTENT_ID_FORMS.join(", ")}.`)
      .default("variant")
      .describe("Which id stands for an item: the one your product catalogue at the platform has."),
    content_country: z.string('"content_country" must be a country code such as "NL".').trim().toUpperCase()
      .regex(/^[A-Z]{2}$/, '"content_country" must be a country code of two letters, such as "NL".')
      .nullable()
      .default(null)
      .describe("Country in shopify_country ids; null: the buyer's."),
    custom_events: z.union([
      z.boolean(),
      z.array(z.enum(EVENT_NAMES)).max(EVENT_NAMES.length),
    ], '"custom_events" must be true, false or a list of event names such as ["cart_viewed"].').default(
      false,
    ).describe("Whether events go that the platform has no name for: all, none, or those named."),
    unknown_consent: z.enum(
      UNKNOWN_CONSENT_POLICIES,
      `"unknown_consent" must be one of ${UNKNOWN_CONSENT_POLICIES.join(", ")}.`,
    ).default("shop").describe(
      "Where the visitor's consent is not known; shop: as the shop's own setting says.",
    ),
    sale_refused: z.enum(
      SALE_REFUSED_POLICIES,
      `"sale_refused" must be one of ${SALE_REFUSED_POLICIES.join(", ")}.`,
    ).default("limited").describe("Where the visitor refused the sale of data."),
  };
}

/**
 * The vendor's name of an event under these settings: its standard name, else the custom one where the merchant chose to
 * send it so; null = the platform gets no such event.
 */
export function eventName(
  name: EventName,
  standard: Partial<Record<EventName, string>>,
  custom: Partial<Record<EventName, string>>,
  chosen: CommonSettings["custom_events"],
): string | null {
  const own = standard[name];
  if (own !== undefined) return own;
  return (Array.isArray(chosen) ? chosen.includes(name) : chosen) ? custom[name] ?? null : null;
}
