import type { Digests } from "../event.ts";
import { isoCountry } from "./countries.ts";
import { FORMS } from "./forms.ts";
import { Gathered } from "./gathered.ts";
import type { Field } from "./platforms.ts";
import { ALL_FORMS, type Wanted } from "./wanted.ts";

/** A person in clear text, as an order, a checkout or a form shows them. Lives in memory only. */
export interface ClearPerson {
  /** Best first. */
  emails: string[];
  /** Best first, each with the country of its own address (any spelling), null = unknown. */
  phones: { value: string; country: string | null }[];
  first_name: string | null;
  last_name: string | null;
  street: string | null;
  city: string | null;
  /** Full name of the state or province. */
  region: string | null;
  /** Its code, as Shopify's `province_code`. */
  region_code: string | null;
  postal_code: string | null;
  country: string | null;
  external_ids: string[];
  gender?: string | null;
  date_of_birth?: string | null;
}

/**
 * The wanted digests of a person, by normal form: each form computed once, at most 3 different digests a form, best first.
 * A value that already is a digest goes into every form of its field. A phone without a country of its own is read in
 * the person's. `dropped` names, once each and without the value, the fields that had something unusable in them (a
 * phone whose country is unknown, an email without a domain …). Never throws.
 */
export function captureDigests(
  person: ClearPerson,
  wanted: Wanted = ALL_FORMS,
): { digests: Digests; dropped: Field[] } {
  const country = isoCountry(person.country);
  const found = new Gathered(country, wanted);
  const { digests } = found;
  found.emails(person.emails);
  found.phones(person.phones);
  found.names(person.first_name, person.last_name);
  const street = wanted["street.letters"]
    ? found.only("street", person.street, FORMS["street.letters"])
    : undefined;
  if (street !== undefined) digests["street.letters"] = street;
  found.city(person.city);
  found.region(person.region || null, person.region_code || null);
  found.postal(person.postal_code);
  found.land(person.country);
  found.externalIds(person.external_ids);
  const gender = wanted["gender.letter"]
    ? found.only("gender", person.gender, FORMS["gender.letter"])
    : undefined;
  if (gender !== undefined) digests["gender.letter"] = gender;
  const birth = wanted["birth.yyyymmdd"]
    ? found.only("date_of_birth", person.date_of_birth, FORMS["birth.yyyymmdd"])
    : undefined;
  if (birth !== undefined) digests["birth.yyyymmdd"] = birth;
  return { digests, dropped: found.dropped };
}
