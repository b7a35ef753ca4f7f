/** Where a browser says it is. */
import { z } from "zod";
import { isoCountry } from "@trakit/core/identity/countries.ts";

/** Shopify's `getRegion()` (reference: shopify §4.5): a country, and of some countries a part of it: "DE", "USCA". */
const REGION = /^([A-Za-z]{2})(?:-?[A-Za-z0-9]{1,3})?$/;

/** The country (ISO alpha-2, upper case) of a region of Shopify's or of a country header; null for anything else. */
export function countryOfRegion(value: unknown): string | null {
  const country = typeof value === "string" ? REGION.exec(value)?.[1] : undefined;
  return country === undefined ? null : isoCountry(country);
}

/** A region in what a browser sends, as its country; what is none is not known. */
export const regionCountry = z.unknown().optional().transform(countryOfRegion);
