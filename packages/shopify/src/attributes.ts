/** What our storefront script left in the cart, as orders and checkouts carry it (reference: shopify §4.6). */
import { z } from "zod";
import { EMPTY_IDENTIFIERS, type Identifiers } from "@trakit/core/event.ts";
import {
  clickIdsFromUrl,
  fbcFromFbclid,
  gaClientId,
  gaSessionId,
  validClientId,
  validEpik,
  validFbc,
  validFbp,
  validGclid,
  validPinUnauth,
  validRdtCid,
  validRdtUuid,
  validScClickId,
  validScid,
  validTtclid,
  validTtp,
  validVisitorId,
} from "@trakit/core/cookies.ts";
import { isRecord } from "./text.ts";

/** A name and value pair of `note_attributes`; the value is checked by whoever reads it. */
export const attribute = z.unknown().transform((entry) =>
  isRecord(entry) && typeof entry.name === "string" ? { name: entry.name, value: entry.value } : null
);

/** Cookies other server tags leave in the cart under their own names (reference: snapchat §11, pinterest §11). */
const OTHERS: ReadonlySet<string> = new Set(["_scclid", "_pin_unauth"]);

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
  const landing = clickIdsFromUrl(landingSite);
  return {
    ...EMPTY_IDENTIFIERS,
    visitor_id: validVisitorId(attributes.get("__trk_vid")),
    client_id: validClientId(attributes.get("__trk_cid")),
    fbp: validFbp(attributes.get("__trk_fbp")),
    fbc: validFbc(attributes.get("__trk_fbc")) ?? fbcFromFbclid(landing.fbclid, occurredAt),
    ttp: validTtp(attributes.get("__trk_ttp")),
    ttclid: validTtclid(attributes.get("__trk_ttclid")) ?? landing.ttclid,
    epik: validEpik(attributes.get("__trk_epik")) ?? landing.epik,
    scid: validScid(attributes.get("__trk_scid")),
    sc_click_id: validScClickId(attributes.get("__trk_sccid")) ?? landing.sc_click_id ??
      validScClickId(attributes.get("_scclid")),
    rdt_uuid: validRdtUuid(attributes.get("__trk_rdt_uuid")),
    rdt_cid: validRdtCid(attributes.get("__trk_rdt_cid")) ?? landing.rdt_cid,
    pin_unauth: validPinUnauth(attributes.get("__trk_pin_unauth") ?? attributes.get("_pin_unauth")),
    ga_client_id: gaClientId(attributes.get("__trk_ga")),
    ga_session_id: gaSessionId(attributes.get("__trk_gs")),
    gclid: validGclid(attributes.get("__trk_gclid")) ?? landing.gclid,
  };
}
