/** Postal addresses of orders and checkouts: the same fields under two spellings. */
import { z } from "zod";
import { isoCountry } from "@trakit/core/identity/countries.ts";
import { code, whole, words } from "./fields.ts";
import { MAX } from "./text.ts";

export interface Address {
  first_name: string | null;
  last_name: string | null;
  street: string | null;
  city: string | null;
  region: string | null;
  region_code: string | null;
  postal_code: string | null;
  country: string | null;
  phone: string | null;
}

const NO_ADDRESS: Address = {
  first_name: null,
  last_name: null,
  street: null,
  city: null,
  region: null,
  region_code: null,
  postal_code: null,
  country: null,
  phone: null,
};

/** Cities and the like, also kept in clear. */
const short = words(MAX.short);
/** What is only hashed. */
const person = whole(MAX.short);

/** Shopify sends null, nothing, or `[]` where there is no address (reference: shopify §2.3): all become null. */
export const webhookAddress = z.object({
  first_name: person,
  last_name: person,
  address1: person,
  city: short,
  province: short,
  province_code: short,
  zip: code(MAX.short),
  country_code: short,
  country: short,
  phone: whole(MAX.phone),
}).transform((a): Address => ({
  first_name: a.first_name,
  last_name: a.last_name,
  street: a.address1,
  city: a.city,
  region: a.province,
  region_code: a.province_code,
  postal_code: a.zip,
  country: isoCountry(a.country_code) ?? isoCountry(a.country),
  phone: a.phone,
})).nullish().catch(null);

/** A web pixel's address. Its `province` is usually the code again: then the full name is not known. */
export const pixelAddress = z.object({
  firstName: person,
  lastName: person,
  address1: person,
  city: short,
  province: short,
  provinceCode: short,
  zip: code(MAX.short),
  countryCode: short,
  country: short,
  phone: whole(MAX.phone),
}).transform((a): Address => ({
  first_name: a.firstName,
  last_name: a.lastName,
  street: a.address1,
  city: a.city,
  region: a.province === a.provinceCode ? null : a.province,
  region_code: a.provinceCode,
  postal_code: a.zip,
  country: isoCountry(a.countryCode) ?? isoCountry(a.country),
  phone: a.phone,
})).nullish().catch(null);

/**
 * The address to describe the buyer by, best first: the first that names a person or place, else the first that at least
 * names a country (an early checkout has no more). Addresses are never mixed: a city of one and a street of another is
 * nobody's.
 */
export function chosenAddress(addresses: (Address | null | undefined)[]): Address {
  const known = addresses.filter((address): address is Address => address !== null && address !== undefined);
  return known.find((a) => a.last_name ?? a.first_name ?? a.street ?? a.city ?? a.postal_code) ??
    known.find((a) => a.country) ?? NO_ADDRESS;
}

/** Phones that are there, best first, without repeats; `country` (alpha-2) is where a national number is read. */
export function phonesOf(
  phones: { value: string | null | undefined; country: string | null | undefined }[],
): { value: string; country: string | null }[] {
  const found = new Map<string, string | null>();
  for (const { value, country } of phones) {
    if (value && !found.has(value)) found.set(value, country ?? null);
  }
  return [...found].map(([value, country]) => ({ value, country }));
}

/** Texts that are there, best first, without repeats. */
export function present(values: (string | null | undefined)[]): string[] {
  return [...new Set(values.filter((value): value is string => typeof value === "string" && value !== ""))];
}
