import type { Digests } from "../event.ts";
import { isoCountry } from "./countries.ts";
import { DigestBuilder } from "./digest-builder.ts";
import { FORMS } from "./forms.ts";
import type { ClearPerson } from "./person.ts";
import type { Field } from "./field-rules.ts";
import { ALL_FORMS, type Wanted } from "./wanted.ts";

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
  const builder = new DigestBuilder(country, wanted);
  const { digests } = builder;
  builder.addEmails(person.emails);
  builder.addPhones(person.phones);
  builder.addNames(person.first_name, person.last_name);
  const street = wanted["street.letters"]
    ? builder.listOfField("street", person.street, FORMS["street.letters"])
    : undefined;
  if (street !== undefined) digests["street.letters"] = street;
  builder.addCity(person.city);
  builder.addRegion(person.region || null, person.region_code || null);
  builder.addPostalCode(person.postal_code);
  builder.addCountry(person.country);
  builder.addExternalIds(person.external_ids);
  const gender = wanted["gender.letter"]
    ? builder.listOfField("gender", person.gender, FORMS["gender.letter"])
    : undefined;
  if (gender !== undefined) digests["gender.letter"] = gender;
  const birth = wanted["birth.yyyymmdd"]
    ? builder.listOfField("date_of_birth", person.date_of_birth, FORMS["birth.yyyymmdd"])
    : undefined;
  if (birth !== undefined) digests["birth.yyyymmdd"] = birth;
  return { digests, dropped: builder.dropped };
}
