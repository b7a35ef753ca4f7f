import type { Digests } from "../event.ts";
import { isoCountry } from "./countries.ts";
import { asDigest, sha256Hex } from "./digest.ts";
import { type Form, FORM_NAMES, type FormName, FORMS, PHONE_FORMS } from "./forms.ts";
import { e164 } from "./phone.ts";
import type { Field } from "./platforms.ts";
import { usesRegionCode } from "./regions.ts";
import { prepare, type Text } from "./text.ts";

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

/** Vendors take lists, but what comes after a third email is another person's. */
const MAX_PER_FORM = 3;

type Computed = readonly (readonly [FormName, Form])[];

/** Every form of a field: the part of a form's name before the dot is the field it is made of. */
function formsOf(field: string): Computed {
  return FORM_NAMES.filter((name) => name.startsWith(`${field}.`)).map((name) => [name, FORMS[name]]);
}

const EMAIL = formsOf("email");
const FIRST_NAME = formsOf("first_name");
const LAST_NAME = formsOf("last_name");
const STREET = formsOf("street");
const CITY = formsOf("city");
/** Made of the state's name or of its code, whichever the platform's rule wants first. */
const REGION_META: Computed = [["region.meta", FORMS["region.meta"]]];
const REGION_CODE: Computed = [["region.code", FORMS["region.code"]]];
const POSTAL = formsOf("postal");
const COUNTRY = formsOf("country");
const GENDER = formsOf("gender");
const BIRTH = formsOf("birth");
const EXTERNAL_ID = formsOf("external_id");
const PHONE = Object.entries(PHONE_FORMS) as [FormName, (number: string) => string | null][];
/** A phone that came as a digest: of which form is unknown, but not of the Chinese exception. */
const PHONE_DIGEST: Computed = [["phone.digits", FORMS["phone.digits"]], ["phone.e164", FORMS["phone.e164"]]];

function isBlank(value: string | null | undefined): boolean {
  return typeof value !== "string" || value.trim() === "";
}

/** What is gathered of one person. A class, because closures made anew for every order cost as much as its hashing. */
class Gathered {
  readonly digests: Digests = {};
  readonly dropped: Field[] = [];
  readonly country: string | null;

  constructor(country: string | null) {
    this.country = country;
  }

  put(form: FormName, digest: string): void {
    const list = this.digests[form];
    if (list === undefined) this.digests[form] = [digest];
    else if (list.length < MAX_PER_FORM && !list.includes(digest)) list.push(digest);
  }

  drop(field: Field): void {
    if (!this.dropped.includes(field)) this.dropped.push(field);
  }

  /** Puts the digest where the value is one already. */
  passed(value: string, computed: Computed): boolean {
    const digest = asDigest(value);
    if (digest === null) return false;
    for (const [form] of computed) this.put(form, digest);
    return true;
  }

  /** True unless there was something and no form came of it. */
  usable(value: string | null | undefined, computed: Computed): boolean {
    if (isBlank(value) || this.passed(value as string, computed)) return true;
    const text: Text | null = prepare(value);
    if (text === null) return false;
    // Forms often agree ("mary" is so in all four), and one SHA-256 costs more than looking.
    const normals: string[] = [];
    const hashes: string[] = [];
    for (let at = 0; at < computed.length; at++) {
      const [form, compute] = computed[at]!;
      const normal = compute(text, this.country);
      if (normal === null) continue;
      let known = normals.indexOf(normal);
      if (known < 0) {
        known = normals.push(normal) - 1;
        hashes.push(sha256Hex(normal));
      }
      this.put(form, hashes[known]!);
    }
    return normals.length > 0;
  }

  take(field: Field, value: string | null | undefined, computed: Computed): void {
    if (!this.usable(value, computed)) this.drop(field);
  }

  takePhone(value: string, own: string | null): void {
    if (isBlank(value) || this.passed(value, PHONE_DIGEST)) return;
    const text = prepare(value);
    const number = text === null ? null : e164(text.lower, isoCountry(own) ?? this.country);
    if (number === null) {
      this.drop("phone");
      return;
    }
    for (const [form, compute] of PHONE) {
      const normal = compute(number);
      if (normal !== null) this.put(form, sha256Hex(normal));
    }
  }
}

/** One number usually stands on the order, the customer and both addresses; reading it is the dearest step here. */
function sameBefore(phones: ClearPerson["phones"], at: number): boolean {
  const { value, country } = phones[at]!;
  for (let before = 0; before < at; before++) {
    if (phones[before]!.value === value && phones[before]!.country === country) return true;
  }
  return false;
}

/**
 * All digests of a person, by normal form: each form computed once, at most 3 different digests a form, best first.
 * A value that already is a digest goes into every form of its field. A phone without a country of its own is read in
 * the person's. `dropped` names, once each and without the value, the fields that had something unusable in them (a
 * phone whose country is unknown, an email without a domain …). Never throws.
 */
export function captureDigests(person: ClearPerson): { digests: Digests; dropped: Field[] } {
  const country = isoCountry(person.country);
  const found = new Gathered(country);
  for (const email of person.emails) found.take("email", email, EMAIL);
  for (let at = 0; at < person.phones.length; at++) {
    const phone = person.phones[at]!;
    if (!sameBefore(person.phones, at)) found.takePhone(phone.value, phone.country);
  }
  found.take("first_name", person.first_name, FIRST_NAME);
  found.take("last_name", person.last_name, LAST_NAME);
  found.take("street", person.street, STREET);
  found.take("city", person.city, CITY);
  const [name, code] = [person.region || null, person.region_code || null];
  const byMeta = found.usable(usesRegionCode(country) ? code ?? name : name ?? code, REGION_META);
  const byCode = found.usable(code ?? name, REGION_CODE);
  // A province without a two-letter code is no loss: the platforms that want one take nothing else.
  if (!byMeta && !byCode) found.drop("state");
  found.take("zip", person.postal_code, POSTAL);
  found.take("country", person.country, COUNTRY);
  found.take("gender", person.gender, GENDER);
  found.take("date_of_birth", person.date_of_birth, BIRTH);
  for (const id of person.external_ids) found.take("external_id", id, EXTERNAL_ID);
  return { digests: found.digests, dropped: found.dropped };
}
