/** What our storefront script left in the cart, as orders and checkouts carry it (reference: shopify §4.6). */
import { z } from "zod";
import { clickIdsFromUrl } from "@trakit/core/click-ids.ts";
import { fbcFromFbclid } from "@trakit/core/cookies.ts";
import { EMPTY_IDENTIFIERS, type Identifiers } from "@trakit/core/event.ts";
import { IDENTIFIER_LIST } from "@trakit/core/identifiers.ts";
import { isRecord } from "./text.ts";

/** A name and value pair of `note_attributes`; the value is checked by whoever reads it. */
export const attribute = z.unknown().transform((entry) =>
  isRecord(entry) && typeof entry.name === "string" ? { name: entry.name, value: entry.value } : null
);

/** What other server tags leave in the cart under their own names. */
const OTHERS: ReadonlySet<string> = new Set(IDENTIFIER_LIST.flatMap((row) => row.othersAttributes));
/** The rows an attribute can carry. */
const CARRIED = IDENTIFIER_LIST.filter((row) => row.attribute !== null);

/** The attributes we read, by name; the first of each counts. Anybody on the page can write them: hints, no more. */
export function ourAttributes(attributes: z.output<typeof attribute>[]): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const one of attributes) {
    if (one === null || found.has(one.name)) continue;
    if (one.name.startsWith("__trk_") || OTHERS.has(one.name)) found.set(one.name, one.value);
  }
  return found;
}

/**
 * Identifiers from the attributes, and click ids from the first page of the visit where there are none.
 *
 * @param landingSite path and query, or an address
 * @param occurredAt ms since the epoch, for a `_fbc` made of a click nobody kept the time of
 */
export function hintedIdentifiers(
  attributes: Map<string, unknown>,
  landingSite: unknown,
  occurredAt: number,
): Identifiers {
  const { fbclid, ...clicks } = clickIdsFromUrl(landingSite);
  const found: Identifiers = { ...EMPTY_IDENTIFIERS, ...clicks };
  for (const { name, attribute, othersAttributes, read } of CARRIED) {
    const value = attributes.get(attribute!);
    if (value !== undefined) found[name] = read(value) ?? found[name];
    for (const other of othersAttributes) found[name] ??= read(attributes.get(other));
  }
  found.fbc ??= fbcFromFbclid(fbclid, occurredAt);
  return found;
}
